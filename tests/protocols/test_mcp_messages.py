"""MCP, message by message: JSON-RPC, the two eras, arguments, and what becomes of a prompt's messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from promptstage.model import Document, Message, MessagesPlaceholder, Variable
from registry.catalog.naming import is_name
from registry.errors import Forbidden, Invalid
from registry.protocols.mcp import content, eras, jsonrpc, names, origins
from registry.protocols.mcp.eras import CAPABILITIES, MODERN, VERSION, Era
from registry.protocols.mcp.jsonrpc import Call, McpError
from registry.protocols.mcp.rendering import Rendering, arguments_of

if TYPE_CHECKING:
    from collections.abc import Mapping

META = {VERSION: MODERN, CAPABILITIES: {}}
HEADERS = {"mcp-protocol-version": MODERN, "mcp-method": "prompts/get", "mcp-name": "summarize"}
PIXEL = "iVBORw0KGgo="


def document(
    *messages: Message | MessagesPlaceholder,
    variables: tuple[Variable, ...] = (),
    language: str | None = "mustache",
) -> Document:
    """A prompt of these messages."""
    nothing: dict[str, Any] = {}
    return Document(
        "", "", "", nothing, "text", None, variables, messages, nothing, nothing, edition=2, language=language
    )


def variable(name: str, *, required: bool = True, default: Any = None) -> Variable:
    """A variable."""
    return Variable(name, required, default, "")


def said(text: str, /, *variables: Variable, language: str | None = "mustache", **arguments: object) -> str:
    """Render one message of the user."""
    made = Rendering("p", document(Message("user", text), variables=variables, language=language))
    (message,) = made.messages(arguments)
    found: str = message["content"]["text"]
    return found


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", jsonrpc.PARSE_ERROR),
        (b"\xff", jsonrpc.PARSE_ERROR),
        (b"[" * 100_000, jsonrpc.PARSE_ERROR),
        (b"9" * 5000, jsonrpc.PARSE_ERROR),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', jsonrpc.INVALID_REQUEST),
        (b'"ping"', jsonrpc.INVALID_REQUEST),
        (b'{"id": 1, "method": "ping"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 2}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', jsonrpc.INVALID_REQUEST),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', jsonrpc.INVALID_REQUEST),
    ],
)
def test_what_is_no_message_is_refused(body: bytes, code: int) -> None:
    """By JSON-RPC's own codes."""
    with pytest.raises(McpError) as refused:
        jsonrpc.read(body)

    assert refused.value.code == code


def test_a_notification_has_no_id() -> None:
    """And a request's id comes back as it was sent."""
    assert jsonrpc.read(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}').id is None
    assert jsonrpc.read(b'{"jsonrpc": "2.0", "id": "a", "method": "ping"}') == Call("a", "ping", {})


def test_an_answer_is_utf8_whatever_it_repeats() -> None:
    """Half a surrogate pair can be sent in JSON, and has no UTF-8."""
    sent = jsonrpc.encode(jsonrpc.result("\ud83d", {"text": "\ud83d é"}))

    assert json.loads(sent.decode("utf-8"))["result"] == {"text": "\ud83d é"}


@pytest.mark.parametrize(
    ("meta", "headers", "method", "era"),
    [
        (META, {}, "prompts/list", Era.MODERN),
        ({}, {"mcp-protocol-version": MODERN}, "prompts/list", Era.MODERN),
        ({}, {"mcp-protocol-version": "2099-01-01"}, "prompts/list", Era.MODERN),
        ({}, {"mcp-protocol-version": "2025-06-18"}, "prompts/list", Era.LEGACY),
        ({}, {}, "prompts/list", Era.LEGACY),
        ({}, {"mcp-protocol-version": "2099-01-01"}, "initialize", Era.LEGACY),
    ],
)
def test_each_request_says_its_era(
    meta: dict[str, Any], headers: dict[str, str], method: str, era: Era
) -> None:
    """By what it carries, not by the connection."""
    assert eras.era_of(Call(1, method, {"_meta": meta}), headers) is era


@pytest.mark.parametrize(
    ("changes", "meta", "code"),
    [
        ({}, META, None),
        ({"mcp-name": "=?base64?c3VtbWFyaXpl?="}, META, None),
        ({"mcp-name": "=?base64?c3Vt?="}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-name": "=?base64?!?="}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-name": "other"}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-name": None}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-method": "prompts/list"}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-method": None}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-protocol-version": "2025-06-18"}, META, jsonrpc.HEADER_MISMATCH),
        ({"mcp-protocol-version": None}, META, jsonrpc.HEADER_MISMATCH),
        ({}, {VERSION: MODERN}, jsonrpc.INVALID_PARAMS),
        ({}, {}, jsonrpc.INVALID_PARAMS),
        ({"mcp-protocol-version": "2"}, {VERSION: "2", CAPABILITIES: {}}, jsonrpc.UNSUPPORTED_VERSION),
        ({"mcp-protocol-version": "2099-01-01"}, {}, jsonrpc.UNSUPPORTED_VERSION),
        ({}, {VERSION: 7, CAPABILITIES: {}}, jsonrpc.INVALID_PARAMS),
    ],
)
def test_headers_and_meta_must_agree(
    changes: dict[str, str | None], meta: dict[str, Any], code: int | None
) -> None:
    """Or what routes by one would be told something else than what answers by the other."""
    headers = {name: value for name, value in {**HEADERS, **changes}.items() if value is not None}
    call = Call(1, "prompts/get", {"name": "summarize", "_meta": meta})

    try:
        eras.check(call, headers)
        found = None
    except McpError as error:
        found = error.code

    assert found == code


def test_an_unsupported_version_is_told_all_that_are() -> None:
    """So that a client falls back, or forward, to one."""
    with pytest.raises(McpError) as refused:
        eras.check(Call(1, "ping", {"_meta": {}}), {"mcp-protocol-version": "2099-01-01"})

    assert refused.value.data == {"supported": [MODERN, *eras.LEGACY], "requested": "2099-01-01"}


@pytest.mark.parametrize("name", ["summarize", "support/triage", "a/b-c/d_e"])
def test_no_two_names_become_one(name: str) -> None:
    """A prompt's own name has no dot, so what clients are shown leads back to it; so does the name itself."""
    assert is_name(name)
    assert "/" not in names.shown(name)
    assert names.meant(names.shown(name)) == names.meant(name) == name
    assert not is_name("a.b")


def test_a_message_of_the_system_is_the_users_and_says_so() -> None:
    """MCP has no such role; the others stay."""
    written = content.write([{"role": r, "content": r} for r in ("system", "developer", "user", "assistant")])

    assert [message["role"] for message in written] == ["user", "user", "user", "assistant"]
    assert [message["content"].get("_meta") for message in written] == [
        {"dev.promptstage/role": "system"},
        {"dev.promptstage/role": "developer"},
        None,
        None,
    ]


def test_parts_become_messages() -> None:
    """In order, each with the content that MCP has for it."""
    parts: list[Mapping[str, Any]] = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ]
    written = content.write([{"role": "user", "content": parts}])

    assert [message["content"] for message in written] == [
        {"type": "text", "text": "see"},
        {"type": "image", "data": PIXEL, "mimeType": "image/png"},
        {"type": "audio", "data": "AAAA", "mimeType": "audio/mpeg"},
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "tool", "content": "x"},
        {"role": "assistant", "content": "x", "tool_calls": [{}]},
        {"role": "user", "content": None},
        {"role": "user", "content": ["x"]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}]},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:text/html;base64,AA=="}}],
        },
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "A", "format": "ogg"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
        {"role": "user", "content": [{"type": 3}]},
    ],
)
def test_what_mcp_cannot_carry_is_refused(message: dict[str, Any]) -> None:
    """Never left out, never something like it."""
    with pytest.raises(Invalid) as refused:
        content.write([message])

    assert refused.value.code == "not_portable"


def test_arguments_are_texts_and_structures_are_json() -> None:
    """A section that is never a text takes a list, an object or a switch; a text stays one."""
    each, one = "{{#items}}<{{name}}>{{/items}}", "{{#note}}Note: {{note}}{{/note}}"

    assert said(each, variable("items"), items='[{"name": "a"}, {"name": "b"}]') == "<a><b>"
    assert said("{{user.name}}", variable("user"), user='{"name": "Ada"}') == "Ada"
    assert said("{{#formal}}Sir{{/formal}}", variable("formal"), formal="false") == ""
    assert said("{{#formal}}Sir{{/formal}}", variable("formal"), formal="yes") == "Sir"
    assert said(one, variable("note"), note='["x"]') == 'Note: ["x"]'
    assert said("{{text}}", variable("text"), text='{"a": 1}') == '{"a": 1}'
    assert said("{{text}}", variable("text"), language=None, text="[1]") == "[1]"


def test_a_default_stands_in() -> None:
    """As in our own client: the renderer is the same."""
    tone = variable("tone", required=False, default="plain")

    assert said("{{tone}}: {{text}}", variable("text"), tone, text="x") == "plain: x"
    assert said("{{tone}}: {{text}}", variable("text"), tone, text="x", tone="warm") == "warm: x"


def test_a_place_of_messages_takes_json() -> None:
    """It is an argument like the others; what it holds is in its place."""
    made = Rendering("p", document(MessagesPlaceholder("history", optional=False), Message("user", "go on")))
    written = made.messages({"history": '[{"role": "assistant", "content": "hello"}]'})

    assert [(m["role"], m["content"]["text"]) for m in written] == [("assistant", "hello"), ("user", "go on")]
    for bad in ("hello", "{}", '[{"content": "x"}]', "[" * 100_000):
        with pytest.raises(Invalid, match="history"):
            made.messages({"history": bad})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "p needs text"),
        ({"text": 3}, "texts"),
        ({"text": None}, "texts"),
        ({"text": ["x"]}, "texts"),
        ({"text": "x", "txt": "y"}, "no argument 'txt'; there are: text, items"),
        ({"text": "x", "items": "[1"}, "items: JSON"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], told: str) -> None:
    """With what would be right."""
    variables = variable("text"), variable("items", required=False)
    made = Rendering("p", document(Message("user", "{{text}}{{#items}}.{{/items}}"), variables=variables))

    with pytest.raises(Invalid, match=told):
        made.messages(arguments)


@pytest.mark.parametrize("language", [None, "mustache"])
def test_a_small_request_makes_no_huge_text(language: str | None) -> None:
    """The text that a variable is put into a hundred times is bounded before it is made."""
    text = "{{text}}" * 100

    with pytest.raises(Invalid) as refused:
        said(text, variable("text"), language=language, text="x" * 20_000)

    assert refused.value.code == "bad_arguments"


def test_what_a_version_takes_is_described() -> None:
    """In the order of the file; places of messages last."""
    messages = MessagesPlaceholder("history", optional=True), Message("user", "{{a}}{{#b}}{{.}}{{/b}}")
    taken = arguments_of(document(*messages, variables=(variable("a"), variable("b", required=False))))

    assert [(argument["name"], argument["required"]) for argument in taken] == [
        ("a", True),
        ("b", False),
        ("history", False),
    ]
    assert "description" not in taken[0]
    assert all("JSON" in argument["description"] for argument in taken[1:])


@pytest.mark.parametrize(
    ("default", "begun", "found"),
    [("plain", "pl", ["plain"]), ("plain", "w", []), (None, "", []), (3, "", ["3"]), ("", "", [])],
)
def test_a_default_is_suggested(default: Any, begun: str, found: list[str]) -> None:
    """It is all that is known of an argument's values."""
    tone = variable("tone", required=False, default=default)
    made = Rendering("p", document(Message("user", "{{tone}}"), variables=(tone,)))

    assert made.suggestions("tone", begun) == found


@pytest.mark.parametrize(
    ("origin", "public_url", "may"),
    [
        (None, "", True),
        ("http://localhost:6274", "", True),
        ("http://127.0.0.1:8000", "", True),
        ("http://[::1]:8000", "", True),
        ("https://prompts.example.org", "https://prompts.example.org/", True),
        ("https://prompts.example.org:443", "https://prompts.example.org/base", True),
        ("http://prompts.example.org", "https://prompts.example.org", False),
        ("https://evil.example", "https://prompts.example.org", False),
        ("https://evil.example", "", False),
        ("http://localhost.evil.example", "", False),
        ("null", "", False),
        ("", "", False),
        ("http://[", "", False),
        ("http://localhost:99999999", "", False),
    ],
)
def test_pages_of_other_sites_may_not_ask(origin: str | None, public_url: str, may: bool) -> None:
    """A name that was rebound to this machine is still in the origin."""
    if may:
        origins.check(origin, public_url)
    else:
        with pytest.raises(Forbidden):
            origins.check(origin, public_url)
