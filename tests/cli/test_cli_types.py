"""``promptstage types``: a module with which type checkers find what would fail at run time."""

from __future__ import annotations

import fcntl
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli.shell import commit
from support import prompt

from promptstage import Client, Prompt, typed
from registry.cli.author import typed_module

if TYPE_CHECKING:
    from cli.shell import Cli
    from support import PromptRepository

CLIENT = Path(__file__).parents[2] / "client"
CACHE = Path(__file__).parents[2] / ".mypy_cache/apps"  # to read the SDKs of models takes 20 s without it
PROMPTS = {
    "summarize": """\
variables:
  - {name: text, type: string}
  - {name: tone, required: false, default: neutral, type: string}
  - {name: words, required: false, type: number}
messages: [{role: user, content: "{{text}} {{tone}} {{words}}"}]
""",
    "support/reply": prompt("{{user.name}} {{class}} {{self}} {{mapping}} {{__dunder}}"),
    "search": """\
template: mustache
variables:
  items: {type: list}
  filters: {type: object, required: false}
messages: [{role: user, content: "{{#items}}{{.}}{{/items}}{{#filters}}{{a}}{{/filters}}"}]
""",
    "chat": "messages: [{role: user, content: '{{name}}'}, {placeholder: history}, "
    "{placeholder: more, optional: true}]\n",
    "plain": "messages: [{role: user, content: hello}]\n",
    "3d-model": prompt("{{list}} {{str}}"),
    "3d/model": prompt("{{x}}"),
}
APP = """\
from dataclasses import dataclass
from typing import Literal

from prompts_types import Client, SummarizePrompt


@dataclass
class Answered:
    role: Literal["assistant"]


client = Client("https://prompts.example.org")


def right(prompt: SummarizePrompt) -> str:
    client.get("summarize", key=3, attributes={"a": 1}, version="1.0.0", fallback="f", stamp=False)
    client.get("summarize", pin=client.get("summarize").pin)
    messages = client.get("summarize").messages(text="a", tone=None, words=3)
    client.get("support/reply").text({"user.name": "Ada", "class": 1, "__dunder": 2}, self=1, mapping=2)
    client.get("search").messages(items=["a"])
    client.get("search").messages(items=[], filters={"a": 1})
    client.get("chat").messages(name="Ada", history=[{"role": "user", "content": "hi"}], more=None)
    client.get("chat").text(name="Ada", history=messages)
    client.get("chat").text(name="Ada", history=[{"role": "user"}, Answered("assistant")])
    request = client.get("summarize").openai(text="a")
    request["messages"] += client.get("summarize").litellm(text="a")["messages"]
    client.get("summarize").anthropic(text="a", tone="warm")
    client.get("plain").messages()
    client.get("3d-model").text(list=1, str=2)
    client.get("3d/model").text(x=1)
    with client.use("summarize", key="k") as used:
        used.text(text="a")
    with client.call("summarize", key="k", route="POST /tickets", contexts=["doc-7"]) as call:
        call.record(call.openai(text="a"))["messages"].append(call.prompt.messages(text="a")[0])
    client.get("plain").openai()
    client.get("search").anthropic(items=["a"])
    return str(messages[0]["content"]) + prompt.text(text="a")


async def right_too() -> None:
    right(await client.aget("summarize"))


async def wrong(name: str) -> None:
    client.get("sumarize")  # wrong
    client.get(name)  # wrong
    client.get("summarize", kye=3)  # wrong
    client.get("summarize", pin=3)  # wrong
    client.get("summarize").messages()  # wrong
    client.get("summarize").messages(text=3)  # wrong
    client.get("summarize").text(text="a", tnoe="warm")  # wrong
    client.get("summarize").text({"text": "a"})  # wrong
    client.get("summarize").openai(txt="a")  # wrong
    client.get("summarize").litellm()  # wrong
    client.get("summarize").anthropic(text=3)  # wrong
    client.get("support/reply").text({"user.name": "Ada", "class": 1}, self=1, mapping=2)  # wrong
    client.get("search").messages(items="a")  # wrong
    client.get("plain").messages(text="a")  # wrong
    client.get("summarize").openai()  # wrong
    client.get("search").litellm(items="a")  # wrong
    client.get("3d/model").text(list=1, str=2)  # wrong
    client.get("chat").text(name="Ada")  # wrong
    client.get("chat").text(name="Ada", history="hi")  # wrong
    client.get("chat").text(name="Ada", history=["hi"])  # wrong
    client.get("chat").text(name="Ada", histroy=[])  # wrong
    (await client.aget("summarize")).text()  # wrong
    await client.aget("sumarize")  # wrong
    with client.use("summarize", stamp=False):  # wrong
        pass
    with client.call("summarize") as call:
        call.messages(txt="a")  # wrong
        call.prompt.messages()  # wrong
        call.record(input_tokens="3")  # wrong
    client.call("summarize", rout="POST /")  # wrong
    right(client.get("plain"))  # wrong
"""
MARKED = {number for number, line in enumerate(APP.splitlines(), 1) if line.endswith("# wrong")}


@pytest.fixture
def shop(author: PromptRepository, cli: Cli) -> Cli:
    """The command line in a repository with prompts of all kinds."""
    for name, content in PROMPTS.items():
        commit(author, f"prompts/{name}.prompt.yml", content)
    cli.folder = author.path
    return cli


@pytest.fixture
def app(shop: Cli) -> Path:
    """An app beside the prompts, and the module that was written for it."""
    assert shop("types", "--head").out == "Wrote prompts_types.py: 7 prompts\n"
    (shop.folder / "app.py").write_text(APP)
    return shop.folder


def complaints(command: list[str], folder: Path, pattern: str) -> set[int]:
    """The lines of the app with an error, and none elsewhere."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "prompts_types.py" not in done.stdout, done.stdout
    return {int(line) for line in re.findall(pattern, done.stdout, re.MULTILINE)}


def mypy(folder: Path) -> set[int]:
    """The lines of the app of which mypy complains in its strict mode."""
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={CACHE}", "app.py"]
    with (CACHE / "lock").open("wb") as lock:  # two that write to it at once would wait in vain
        fcntl.flock(lock, fcntl.LOCK_EX)
        return complaints(command, folder, r"^app\.py:(\d+): error:")


def test_mypy_finds_what_is_wrong_and_nothing_else(app: Path) -> None:
    """In its strict mode."""
    assert mypy(app) == MARKED


@pytest.mark.skipif(shutil.which("node") is None, reason="pyright runs on Node.js")
def test_pyright_finds_the_same(app: Path) -> None:
    """In its strict mode, in which it reads the written module, too."""
    (app / "pyrightconfig.json").write_text(
        f'{{"typeCheckingMode": "strict", "extraPaths": ["{CLIENT}"], "include": ["."]}}'
    )

    assert complaints([sys.executable, "-m", "pyright"], app, r"app\.py:(\d+):\d+ - error:") == MARKED


def test_at_run_time_it_is_the_client(app: Path) -> None:
    """With names for annotations, and nothing that would cost time."""
    spec = importlib.util.spec_from_file_location("prompts_types", app / "prompts_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert module.Client is Client
    assert module.SummarizePrompt is module.P3dModelPrompt is module.P3dModel_2Prompt is Prompt


def test_it_is_checked(shop: Cli) -> None:
    """A module that is absent or differs is stale; the command that is told renews it."""
    absent = shop("types", "--head", "--check", "-o", "typed/mine.py")
    (shop.folder / "typed").mkdir()
    command = absent.err.splitlines()[-1].partition("promptstage ")[2]

    assert (absent.code, "typed/mine.py is not up to date; renew it:" in absent.err) == (1, True)
    assert shop(*command.split()).code == 0
    assert shop("types", "--head", "--check", "-o", "typed/mine.py").code == 0
    file = shop.folder / "typed/mine.py"
    file.write_text(file.read_text().replace("SummarizePrompt", "SumPrompt"))
    assert shop("types", "--head", "--check", "-o", "typed/mine.py").code == 1


def test_head_counts_and_not_the_worktree(shop: Cli) -> None:
    """What is not committed is not there for others; outside of a repository that is an error."""
    (shop.folder / "prompts/new.prompt.yml").write_text(prompt())
    shop("types", "--head")

    assert "'new'" not in (shop.folder / "prompts_types.py").read_text()
    (shop.folder / "elsewhere").mkdir()
    commit_less = shop("types", "--head", cwd=shop.folder.parent)
    assert "is in no git worktree" in commit_less.err


def test_a_dash_is_stdout(shop: Cli) -> None:
    """Nothing but the module, and no file of that name."""
    done = shop("types", "--head", "-o", "-")

    assert done.out == typed_file(shop)
    assert not (shop.folder / "-").exists()


def typed_file(shop: Cli) -> str:
    """The same module, in a file of the same name in the command to renew it."""
    shop("types", "--head")
    return (shop.folder / "prompts_types.py").read_text().replace("-o prompts_types.py", "-o -")


def test_a_broken_file_in_head_is_told(shop: Cli, author: PromptRepository) -> None:
    """With its place; nothing is written."""
    commit(author, "prompts/bad.prompt.yml", "messages: 3\n")
    done = shop("types", "--head")

    assert (done.code, (shop.folder / "prompts_types.py").exists()) == (1, False)
    assert "prompts/bad.prompt.yml:1:11: messages must be a list" in done.err


def test_what_is_in_force_counts_too(manager: Cli) -> None:
    """All versions of a rollout: what one requires is required, and what one knows is known."""
    assert "none is in force" in manager("types").err
    manager("promote", "summarize", "1.2.0", "--yes")
    manager("promote", "support/triage", "1.0.0", "--yes")
    manager("types")
    file = manager.folder / "prompts_types.py"
    before = file.read_text()
    manager("start", "summarize", "2.0.0", "--force", "--yes")

    assert "def text(self, /, *, text: object) -> str" in before
    assert "Literal['support/triage']" in before
    assert manager("types", "--check").code == 1
    manager("types")
    assert "def text(self, /, *, language: object, text: object) -> str" in file.read_text()


def test_the_module_has_what_the_client_has() -> None:
    """Every keyword of `get`, `aget`, `use` and `call`, and every method that renders, with its type."""
    for method, options in (
        (Client.get, typed.GetOptions),
        (Client.aget, typed.GetOptions),
        (Client.use, typed.UseOptions),
        (Client.call, typed.CallOptions),
    ):
        keywords = {
            name: parameter.annotation
            for name, parameter in inspect.signature(method).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        known = {name: hint.__forward_arg__ for name, hint in options.__annotations__.items()}
        assert known == keywords
    rendering = {
        name: inspect.get_annotations(method)["return"]
        for name, method in vars(Prompt).items()
        if "variables" in getattr(method, "__annotations__", {})
    }
    assert rendering == typed_module.RETURNS
