"""Write 200 versions of a prompt with a tool's own client, and print what it makes of each: JSON.

``import_app.py langfuse|langsmith|mlflow``, in an environment with that client; the address and the keys
come from the variables that it reads itself.
"""

from __future__ import annotations

import json
import random
import sys
from importlib import import_module
from typing import Any

COUNT = 200
NAME = "triage-mails"
VALUES = {"name": "Ada {x}", "tone": "calm", "question": "Why {not}?"}
PIECES = (
    *(
        "Sort the mail.\n",
        "  indented\n",
        '{"json": [1, 2]} ',
        "100 % of $x ",
        "a\\b ",
        "Ünï→cödé ",
        ": - # ",
        "'\"\t",
    ),
    *("\n\n", "{ x } ", "yes ", "| > ", "- a\n- b\n", "\n "),
)


def drawn(braces: str) -> list[str]:
    """Return texts of all kinds of pieces, the same each time, with variables between these braces."""
    choice = random.Random(7)
    variables = [braces.replace("x", name) + " " for name in VALUES]
    return [
        f"{number}: {''.join(choice.choices((*PIECES, *variables), k=choice.randint(1, 12)))}."
        for number in range(1, COUNT + 1)
    ]


def langfuse() -> list[Any]:
    """Text and chat prompts in turn."""
    client = import_module("langfuse").Langfuse()
    made = []
    for number, text in enumerate(drawn("{{x}}"), 1):
        is_chat = number % 2 == 0
        body = [{"role": "system", "content": text}, {"role": "user", "content": "{{question}}"}]
        prompt: Any = client.create_prompt(
            name=NAME,
            type="chat" if is_chat else "text",
            prompt=body if is_chat else text,
            config={"model": "gpt-4o", "temperature": 0.5},
            labels=["production"],
            commit_message=f"change {number}",
        )
        shown = prompt.compile(**VALUES)
        messages = shown if is_chat else [{"role": "user", "content": shown}]
        made.append([{"role": each["role"], "content": each["content"]} for each in messages])
    return made


def langsmith() -> list[Any]:
    """Prompts of f-strings, each with a model behind it."""
    chat = import_module("langchain_core.prompts").ChatPromptTemplate
    client = import_module("langsmith").Client()
    model = import_module("langchain_openai").ChatOpenAI(model="gpt-4o", temperature=0.5, api_key="sk-test")
    made = []
    for number, text in enumerate(drawn("<x>"), 1):
        escaped = text.replace("{", "{{").replace("}", "}}").replace("<", "{").replace(">", "}")
        escaped = escaped.replace("| } ", "| ")  # a `>` of the pieces
        prompt = chat.from_messages([("system", escaped), ("human", "{question}")])
        client.push_prompt(
            NAME, object=prompt | model, commit_description=f"change {number}", commit_tags="prod"
        )
        roles = {"system": "system", "human": "user"}
        shown = prompt.invoke(VALUES).to_messages()
        made.append([{"role": roles[each.type], "content": each.content} for each in shown])
    return made


def mlflow() -> list[Any]:
    """Text and chat prompts in turn."""
    client = import_module("mlflow")
    made = []
    for number, text in enumerate(drawn("{{x}}"), 1):
        body = [{"role": "system", "content": text}, {"role": "user", "content": "{{question}}"}]
        prompt: Any = client.genai.register_prompt(
            NAME,
            body if number % 2 == 0 else text,
            commit_message=f"change {number}",
            model_config={"provider": "openai", "model_name": "gpt-4o", "temperature": 0.5},
        )
        shown = prompt.format(**VALUES)
        made.append(shown if isinstance(shown, list) else [{"role": "user", "content": shown}])
    client.genai.set_prompt_alias(NAME, "production", COUNT)
    return made


if __name__ == "__main__":
    found = {"langfuse": langfuse, "langsmith": langsmith, "mlflow": mlflow}[sys.argv[1]]()
    print("\n" + json.dumps(found))  # noqa: T201
