"""The wire format: a registry's answers as frozen values.

`parse_release` is strict about what evaluation needs (a release that it accepts can always be
decided) and lenient about keys that it does not know, so that a newer registry can add some.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage import mustache
from promptstage.errors import ReleaseInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
ALGORITHM = "v1"
EDITION = 2  # of documents, the newest one that is read here
LANGUAGES = (None, mustache.LANGUAGE)
# By edition, the key of a message's text: who knows the first alone refuses the second, and keeps the last.
_CONTENT = {1: "content", 2: "template"}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt: a role and a template, or a list of content parts.

    A part is a mapping with a `type`, as OpenAI has it. Every text in it is a template.
    """

    role: str
    content: str | list[Json]


@dataclass(frozen=True, slots=True)
class MessagesPlaceholder:
    """The place of messages that the app gives when it renders, such as the history of a conversation."""

    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that the caller gives when rendering; `default` stands in when it is not required."""

    name: str
    required: bool
    default: Any
    description: str


@dataclass(frozen=True, slots=True)
class Document:
    """The parsed content of one version. `parameters` are those of the model, untouched.

    Attributes:
        edition: 1, or 2 if it takes what clients of the first edition would render wrongly.
        language: of the templates: ``mustache``, or None for ``{{name}}`` alone.
        portable: whether who knows ``{{name}}`` and messages of text alone renders it in the same way.
        tools: what the model may call, in OpenAI's shape: ``{"type": "function", "function": {...}}``.
        tool_choice: ``auto``, ``none``, ``required``, one function in OpenAI's shape, or None.
    """

    title: str
    description: str
    model: str
    parameters: Json
    response_format: str
    json_schema: Any
    variables: tuple[Variable, ...]
    messages: tuple[Message | MessagesPlaceholder, ...]
    metadata: Json
    extra: Json
    edition: int = 1
    language: str | None = None
    portable: bool = True
    tools: tuple[Json, ...] = ()
    tool_choice: str | Json | None = None

    @property
    def texts(self) -> list[str]:
        """All templates, in order: the texts of the messages, and each text within a part."""
        contents = (message.content for message in self.messages if isinstance(message, Message))
        return [text for content in contents for text in texts_in(content)]

    @property
    def required(self) -> list[str]:
        """The names of the variables and placeholders that must be given."""
        names = [variable.name for variable in self.variables if variable.required]
        return names + [placeholder.name for placeholder in self.placeholders if not placeholder.optional]

    @property
    def placeholders(self) -> tuple[MessagesPlaceholder, ...]:
        """The places of messages that the app gives."""
        return tuple(m for m in self.messages if isinstance(m, MessagesPlaceholder))


def texts_in(value: object) -> Iterator[str]:
    """Go through the texts of a content, in order: itself, or those within its parts at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inner)


def fill(value: Any, texts: Iterator[str]) -> Any:
    """Copy a content with its texts replaced by these, in the order of `texts_in`."""
    if isinstance(value, str):
        return next(texts)
    if isinstance(value, dict):
        return {key: fill(inner, texts) for key, inner in value.items()}
    return [fill(inner, texts) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Served:
    """One version that a release can choose. `digest` is ``sha256:<hex>`` of the file's bytes."""

    version: str
    number: int | None
    digest: str
    commit: str
    document: Document


@dataclass(frozen=True, slots=True)
class Condition:
    """An attribute whose value, as a string, is one of `values`."""

    attribute: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Target:
    """An audience: when all conditions hold, `version` is served, whatever the key."""

    when: tuple[Condition, ...]
    version: str
    arm: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A run of buckets, ``[start, start + size)`` of 100,000, that gets one version."""

    arm: str
    version: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Split:
    """The division of keys while a rollout is under way."""

    rollout: str
    algo: str
    salt: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """The rules of one prompt in one environment at one moment, and the documents that they choose.

    Attributes:
        recent: versions among `versions` that no rule chooses, for pins: a conversation goes on with them.
    """

    environment: str
    prompt: str
    epoch: int
    seq: int
    targets: tuple[Target, ...]
    split: Split | None
    default_version: str
    default_arm: str
    versions: dict[str, Served]
    recent: tuple[str, ...] = ()

    @property
    def position(self) -> tuple[int, int]:
        """``(epoch, seq)``: of two releases of one name the greater one is the newer."""
        return (self.epoch, self.seq)


class Decision(NamedTuple):
    """The chosen version and its `reason`, one of the closed set in `promptstage.evaluation`.

    A tuple, which is made in a third of a dataclass's time: there is one for every `get` in a rollout.
    """

    version: str
    arm: str
    reason: str
    rollout: str | None
    bucket: int | None


def parse_document(data: Json) -> Document:
    """Read a document as the contract writes it. Raises KeyError, TypeError or ValueError."""
    edition = data.get("edition", 1)
    if edition not in range(1, EDITION + 1):
        raise ValueError(f"a document of edition {edition!r}; this promptstage reads {EDITION}, upgrade it")
    language = data["language"] if edition > 1 else None
    if language not in LANGUAGES:
        raise ValueError(f"templates in {language!r} are not known here; upgrade promptstage")
    document = Document(
        title=_text(data["title"]),
        description=_text(data["description"]),
        model=_text(data["model"]),
        parameters=dict(data["parameters"]),
        response_format=_text(data["response_format"]),
        json_schema=data["json_schema"],
        variables=tuple(
            Variable(_text(v["name"]), bool(v["required"]), v["default"], _text(v["description"]))
            for v in data["variables"]
        ),
        messages=tuple(_message(message, edition) for message in data["messages"]),
        metadata=dict(data["metadata"]),
        extra=dict(data["extra"]),
        edition=edition,
        language=language,
        portable=bool(data["portable"]) if edition > 1 else True,
        tools=tuple(map(_mapping, _list(data["tools"]))) if edition > 1 else (),
        tool_choice=_tool_choice(data["tool_choice"]) if edition > 1 else None,
    )
    if language == mustache.LANGUAGE:
        for text in document.texts:
            if mustache.parse(text).partials:  # so that what is accepted can be rendered
                raise ValueError("a partial is not put in")
    return document


def _message(data: Json, edition: int) -> Message | MessagesPlaceholder:
    if edition > 1 and "placeholder" in data:
        return MessagesPlaceholder(_text(data["placeholder"]), bool(data["optional"]))
    content = data[_CONTENT[edition]]
    if edition > 1 and isinstance(content, list):
        return Message(_text(data["role"]), [_mapping(part) for part in content])
    return Message(_text(data["role"]), _text(content))


def _tool_choice(value: Any) -> str | Json | None:
    return value if value is None or isinstance(value, str) else _mapping(value)


def _text(value: object) -> str:
    """A text as it stands there: `str` would make the text "None" of one that is missing."""
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {type(value).__name__}")
    return value


def _mapping(value: object) -> Json:
    """A JSON object: `dict` would take pairs as well."""
    if not isinstance(value, dict):
        raise TypeError(f"a mapping was expected, not {type(value).__name__}")
    return value


def _whole(value: object) -> int:
    """A whole number as it stands there: `int` would take texts and cut off fractions."""
    if type(value) is not int:
        raise TypeError(f"a whole number was expected, not {type(value).__name__}")
    return value


def _list(value: object) -> list[Any]:
    """A list: of a text, which can be iterated over as well, each character would count."""
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, not {type(value).__name__}")
    return value


def dump_document(document: Document) -> Json:
    """Write a document as the contract has it; the inverse of `parse_document`."""
    written: Json = {
        "title": document.title,
        "description": document.description,
        "model": document.model,
        "parameters": document.parameters,
        "response_format": document.response_format,
        "json_schema": document.json_schema,
        "variables": [
            {"name": v.name, "required": v.required, "default": v.default, "description": v.description}
            for v in document.variables
        ],
        "messages": [_dump_message(message, document.edition) for message in document.messages],
        "metadata": document.metadata,
        "extra": document.extra,
    }
    if document.edition > 1:
        written |= {
            "edition": document.edition,
            "language": document.language,
            "portable": document.portable,
            "tools": list(document.tools),
            "tool_choice": document.tool_choice,
        }
    return written


def _dump_message(message: Message | MessagesPlaceholder, edition: int) -> Json:
    if isinstance(message, MessagesPlaceholder):
        return {"placeholder": message.name, "optional": message.optional}
    return {"role": message.role, _CONTENT[edition]: message.content}


def parse_served(version: str, data: Json) -> Served:
    """Read one entry of a release's ``versions``, or a version as the registry lists it."""
    number = data["number"]
    document = parse_document(data["document"])
    return Served(
        version,
        None if number is None else _whole(number),
        _text(data["digest"]),
        _text(data["commit"]),
        document,
    )


def parse_release(data: Json) -> Release:
    """Read a release as the contract writes it.

    Raises:
        ReleaseInvalid: a key is missing or of the wrong kind, the bucketing is one that this client
            does not know, or a rule names a version whose document is not there.
    """
    try:
        release = Release(
            environment=_text(data["environment"]),
            prompt=_text(data["prompt"]),
            epoch=_whole(data["epoch"]),
            seq=_whole(data["seq"]),
            targets=tuple(_target(target) for target in data["targets"]),
            split=None if data["split"] is None else _split(data["split"]),
            default_version=_text(data["default"]["version"]),
            default_arm=_text(data["default"]["arm"]),
            versions={str(v): parse_served(str(v), body) for v, body in data["versions"].items()},
            recent=tuple(_text(v) for v in _list(data.get("recent", []))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ReleaseInvalid(f"not a release: {type(error).__name__}: {error}") from error
    slots = release.split.slots if release.split else ()
    chosen = {release.default_version, *(t.version for t in release.targets), *(s.version for s in slots)}
    if missing := chosen - release.versions.keys():
        raise ReleaseInvalid(
            f"the release of {release.prompt} has no document for {', '.join(sorted(missing))}"
        )
    return release


def _target(data: Json) -> Target:
    conditions = (Condition(_text(c["attribute"]), frozenset(map(str, _list(c["in"])))) for c in data["when"])
    return Target(tuple(conditions), _text(data["version"]), _text(data["arm"]))


def _split(data: Json) -> Split:
    if data["algo"] != ALGORITHM:
        raise ValueError(f"bucketing {data['algo']!r} is not known here; upgrade promptstage")
    slots = (
        Slot(_text(s["arm"]), _text(s["version"]), _whole(s["start"]), _whole(s["size"]))
        for s in data["slots"]
    )
    return Split(_text(data["rollout"]), ALGORITHM, _text(data["salt"]), tuple(slots))


def dump_release(release: Release) -> Json:
    """Write a release as the contract has it; the inverse of `parse_release`."""
    split = release.split
    return {
        "environment": release.environment,
        "prompt": release.prompt,
        "epoch": release.epoch,
        "seq": release.seq,
        "targets": [
            {
                "when": [{"attribute": c.attribute, "in": sorted(c.values)} for c in target.when],
                "version": target.version,
                "arm": target.arm,
            }
            for target in release.targets
        ],
        "split": split
        and {
            "rollout": split.rollout,
            "algo": split.algo,
            "salt": split.salt,
            "slots": [
                {"arm": s.arm, "version": s.version, "start": s.start, "size": s.size} for s in split.slots
            ],
        },
        "default": {"version": release.default_version, "arm": release.default_arm},
        "versions": {
            v: {
                "number": served.number,
                "digest": served.digest,
                "commit": served.commit,
                "document": dump_document(served.document),
            }
            for v, served in release.versions.items()
        },
        "recent": list(release.recent),
    }
