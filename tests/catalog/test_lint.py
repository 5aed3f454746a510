"""What an author is told beyond what the registry must know."""

from __future__ import annotations

import pytest
from support import prompt

from registry.catalog.parsing import lint, secret_scan
from registry.catalog.parsing.codes import CODES

SECRETS = {
    "an API key of Anthropic": "sk-ant-api03-" + "aB3_-" * 8,
    "an API key of OpenRouter": "sk-or-v1-" + "0a9f" * 16,
    "an API key of OpenAI": "sk-proj-" + "aB3_-" * 16,
    "an API key of Google": "AIza" + "SyD3x" * 7,
    "an API key of Groq": "gsk_" + "aB3z" * 13,
    "an API key of xAI": "xai-" + "aB3z" * 20,
    "an API key of Perplexity": "pplx-" + "aB3z" * 12,
    "an API key of Stripe": "sk_live_" + "aB3z" * 6,
    "an API key of SendGrid": "SG." + "aB3z_-aB3z_-aB3z_-aB3z" + "." + "aB3z" * 10 + "aB3",
    "an access key of AWS": "AKIA" + "Q3EGRTYZ" * 2,
    "a token of GitHub": "github_pat_" + "11AB_" * 16,
    "a token of GitLab": "glpat-" + "aB3z_" * 4,
    "a token of Hugging Face": "hf_" + "aBcdE" * 7,
    "a token of npm": "npm_" + "aB3z" * 9,
    "a token of PyPI": "pypi-AgEIcHlwaS5vcmc" + "aB3z" * 12,
    "a token of Slack": "xoxb-" + "123456789012-" * 2 + "aB3z" * 6,
    "a webhook of Slack": "https://hooks.slack.com/services/T01ABCDEF/B01ABCDEF/" + "aB3z" * 6,
    "a token of a Promptstage registry": "ps_" + "aB3z" * 8,
    "a signed token (JWT)": "eyJ" + "aB3z" * 5 + ".eyJ" + "aB3z" * 5 + "." + "aB3_-" * 6,
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
}
HARMLESS = [
    "sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-your-key-here",
    "use sk-proj-... as the key",
    "a desk-" + "a" * 40,
    "task_live_" + "a" * 20,
    "https://example.org/AIza",
    "AKIA is what their keys begin with",
    "{{api_key}}",
    "-----BEGIN PUBLIC KEY-----",
    "sha256:" + "0a9f" * 16,
    "the pushed ps_name of a variable",
]


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items(), ids=SECRETS)
def test_well_known_shapes_are_found(kind: str, secret: str) -> None:
    """Each with its place and its kind, and never the secret itself."""
    assert list(secret_scan.find(f"a\nkey: {secret}.".encode())) == [(2, 6, kind)]


def test_other_shapes_of_a_kind() -> None:
    """Old ones, and those of other services of the same house."""
    for secret in ("sk-" + "aB3z" * 12, "ghs_" + "aB3z" * 9, "ASIA" + "Q3EGRTYZ" * 2, "rk_test_" + "a1" * 12):
        assert len(list(secret_scan.find(secret.encode()))) == 1


def test_every_shape_is_tried() -> None:
    """A shape that nothing matches would protect nobody."""
    assert SECRETS.keys() == set(secret_scan._KINDS)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_similar_is_left_alone(text: str) -> None:
    """A linter that cries wolf is not listened to."""
    assert list(secret_scan.find(text.encode())) == []


def test_a_hostile_file_is_searched_quickly() -> None:
    """Neither long runs nor many hits take long, and what is told is bounded."""
    runs = ("sk-" * 80_000, "xox" * 80_000, "-----BEGIN " * 20_000, ("sk-ant-" + "a" * 24 + " ") * 8_000)

    assert [len(lint.check(run.encode(), "")) <= 200 for run in runs] == [True] * len(runs)


def test_a_file_can_ask_for_silence() -> None:
    """A comment names the codes; what makes a prompt unusable is none of them."""
    text = "# promptstage: ignore unknown_key, no_messages,secret, nonsense\nflavour: mild\n"

    assert lint.ignores(text.encode()) == {"unknown_key", "secret"}
    assert [found.code for found in lint.check(text.encode(), "")] == ["no_messages"]


def test_a_comment_in_the_text_of_a_prompt_silences_nothing() -> None:
    """There it is text, whatever it says."""
    text = "flavour: mild\n" + prompt("x").replace('"x"', "|\n      # promptstage: ignore unknown_key")

    assert [found.code for found in lint.check(text.encode(), "")] == ["unknown_key"]


def test_each_unknown_key_is_a_warning() -> None:
    """With its place; of very many those beyond the first ones are one more."""
    keys = "".join(f"key{i}: 1\n" for i in range(40))

    found = lint.check((prompt() + keys).encode(), "")

    assert [(each.line, each.code) for each in found] == [(line, "unknown_key") for line in range(4, 37)]
    assert found[0].message == "unknown key 'key0' has no effect; keep it under metadata, or remove it"
    assert found[-1].message.startswith("8 unknown keys more have no effect; ")


def test_unknown_keys_do_not_silence_an_error() -> None:
    """What is told of a file is bounded, and each mapping's keys count as one."""
    keys = "".join(f", k{i}: 1" for i in range(20))
    messages = "".join(f"- {{role: user, content: hi{keys}}}\n" for _ in range(20))

    found = lint.check(f"messages:\n{messages}- {{role: bot, content: hi}}\n".encode(), "")

    assert [each.code for each in found if each.severity == "error"] == ["unknown_role"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_parameters: {}\n" + prompt(), "'model_parameters' (did you mean modelParameters?)"),
        ("variables: [{name: text, requird: true}]\n" + prompt(), "'requird' (did you mean required?)"),
        (prompt("{{text}} {{tones}}", "text", "tone"), "is not among the variables; did you mean tone?"),
        (prompt("text", "text"), "no message uses text; write {{text}} in one"),
    ],
)
def test_a_typing_error_is_recognized(text: str, words: str) -> None:
    """The remedy names what was probably meant."""
    assert any(words in found.message for found in lint.check(text.encode(), ""))


def test_a_code_says_what_it_means() -> None:
    """The table is what `promptstage check --codes` prints."""
    assert all(severity in {"error", "warning"} and meaning for severity, meaning in CODES.values())


def test_a_secret_of_a_partial_is_an_error_of_the_line_that_asks() -> None:
    """Of a partial that others ask for, the beginning of the file stands in."""
    content = 'template: mustache\nmessages:\n- {role: user, content: "é {{> a.md}}"}\n'
    files = {"a.md": b"{{> b.md}}", "b.md": b"one\nsk-" + b"aB3z" * 12}
    direct = content.replace("a.md", "b.md")
    found = [
        (one.code, one.line, one.column, one.message.partition(":")[0])
        for text in (content, direct)
        for one in lint.check(text.encode(), "prompts/x.prompt.yml", files)
    ]

    assert found == [("secret", 1, 1, "in line 2 of b.md"), ("secret", 3, 32, "in line 2 of b.md")]
