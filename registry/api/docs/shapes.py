"""The shapes of answers, for the documentation alone: endpoints build their answers without them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from promptstage.model import Json
from registry.rollouts.guard import Guard
from registry.rollouts.state import State, Step, Target


def answer(
    shape: type[BaseModel], description: str, status: int = HTTPStatus.OK
) -> dict[int | str, dict[str, Any]]:
    """Document an endpoint's answer; `registry.api.docs.examples` has an example of each shape."""
    return {status: {"model": shape, "description": description}}


def body(shape: type[BaseModel], example: object) -> dict[str, Any]:
    """Document a body that an endpoint reads by itself, with one literal example."""
    schema = shape.model_json_schema()
    content = {"application/json": {"schema": _inlined(schema, schema.pop("$defs", {})), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def records(shape: type[BaseModel], example: object) -> dict[str, Any]:
    """Document a body of one record or more: what is no such record is refused alone, with 200."""
    documented = body(shape, example)
    content = documented["requestBody"]["content"]["application/json"]
    others = [{"type": "object"}, {"type": "array", "items": {}}]
    content["schema"] = {"anyOf": [content["schema"], *others]}
    return documented


def _inlined(schema: Any, named: dict[str, Any]) -> Any:
    """Return a schema with others in place of references to them."""
    if isinstance(schema, list):
        return [_inlined(item, named) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if reference := schema.get("$ref"):
        return _inlined(named[reference.rpartition("/")[2]], named)
    return {name: _inlined(value, named) for name, value in schema.items()}


class Shape(BaseModel):
    """The base of all shapes: no other keys."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Variable(Shape):
    """A value that the caller gives when rendering."""

    name: str
    required: bool
    default: Any = Field(description="stands in for a variable that is not required")
    description: str


class Message(Shape):
    """One message: a role, and a text with `{{ name }}`, in `template` if the document is of edition 2."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str = Field(default="", description="in edition 1")
    template: str | list[Json] = Field(default="", description="in edition 2: a text, or content parts")


class MessagesPlaceholder(Shape):
    """The place of messages that the app gives when it renders, in edition 2."""

    placeholder: str = Field(description="the name by which they are given")
    optional: bool = Field(description="whether the app may give none")


class Document(Shape):
    """The parsed content of one version."""

    title: str
    description: str
    model: str
    parameters: Json = Field(description="the model's, untouched")
    response_format: Literal["text", "json_object", "json_schema"]
    json_schema: Any
    variables: list[Variable]
    messages: list[Message | MessagesPlaceholder]
    metadata: Json
    extra: Json = Field(description="what else the file has")
    edition: Literal[1, 2] = Field(
        default=1, description="2 where clients of the first edition would render it wrongly"
    )
    language: Literal["mustache"] | None = Field(default=None, description="of its templates, in edition 2")
    portable: bool = Field(
        default=True, description="whether who knows `{{name}}` and texts alone renders it in the same way"
    )
    tools: list[Json] = Field(
        default=[], description="what the model may call, as OpenAI has it; in edition 2"
    )
    tool_choice: Literal["auto", "none", "required"] | Json | None = Field(
        default=None, description="what it should call; in edition 2"
    )


class DocumentProblem(Shape):
    """The reason why a version is invalid, and its place in the file."""

    message: str
    line: int | None
    column: int | None
    path: str


class Summary(Shape):
    """One version, without its document."""

    name: str
    version: str
    number: int | None = Field(description="the version for protocols that know only integers")
    tag: str
    commit: str
    digest: str | None = Field(description="of the file's bytes; null: not read yet")
    author: str
    tagged_at: str
    message: str
    status: Literal["valid", "invalid", "unread"]
    problem: DocumentProblem | None
    warnings: list[str]
    partials: list[str] = Field(
        description="paths of the files that its texts include, from the prompts folder"
    )


class PassedOver(Shape):
    """An invalid version that would be the latest if it could be served."""

    version: str
    problem: DocumentProblem | None


class Version(Summary):
    """One version."""

    document: Document | None = Field(description="null if the version is invalid")
    passed_over: list[PassedOver] | None = Field(
        default=None,
        description="where `latest` was asked for, at most three, highest first; left out if none",
    )


class PromptSummary(Shape):
    """One prompt, as its latest version describes it."""

    name: str
    title: str
    description: str
    latest: str
    versions: list[str] = Field(description="newest first")


class Prompts(Shape):
    """A page of prompts."""

    data: list[PromptSummary]
    next_cursor: str | None = Field(description="null: this was the last page")


class Versions(Shape):
    """All versions, newest first."""

    data: list[Summary]


class Diff(Shape):
    """The differences of two versions."""

    unified: str = Field(description="a unified diff of the files, with their partials put in")
    simplified: bool = Field(description="they differ so much that most of it is given as replaced")
    changed: list[str] = Field(description="the keys of the document that differ")
    partials: list[str] = Field(description="the paths of the partials that differ")


class ReleaseTarget(Target):
    """Callers that get the candidate whatever the share."""

    version: str
    arm: Literal["canary"]


class Slot(Shape):
    """A run of the 100,000 buckets."""

    arm: Literal["canary", "control"]
    version: str
    start: int
    size: int


class Split(Shape):
    """The split of keys; a key in no slot gets the default."""

    rollout: str
    algo: Literal["v1"]
    salt: str
    slots: list[Slot]


class Default(Shape):
    """The version of all other keys."""

    version: str
    arm: Literal["stable"]


class Served(Shape):
    """One version that the release or a pin can choose."""

    number: int | None
    digest: str
    commit: str
    document: Document


class Release(Shape):
    """The release of one prompt in an environment: the rules, and the documents they can choose."""

    environment: str
    prompt: str
    epoch: int
    seq: int
    targets: list[ReleaseTarget]
    split: Split | None
    default: Default
    versions: dict[str, Served]
    recent: list[str] = Field(
        description="at most three of `versions`, that no rule chooses: a pin of one of them is still good"
    )


class Releases(Shape):
    """Several releases, and the names that have none."""

    releases: list[Release]
    missing: list[str]


class Resolved(Shape):
    """The version of a key, and the reason."""

    name: str
    version: str
    arm: str = Field(description="`canary`, `control`, `stable` or `pinned`; of a pin its own")
    reason: Literal["STATIC", "TARGETING_MATCH", "SPLIT", "PINNED"]
    rollout: str | None
    bucket: int | None = Field(description="0 to 99,999; null where it decided nothing")
    digest: str
    pin: str = Field(description="`rollout:version:arm:digest12`, to go on with this version later")
    document: Document


class States(Shape):
    """The states in force, by name."""

    data: list[State]


class ShownChange(Shape):
    """One change. `from` and `to` are versions, or a step's percent."""

    seq: int
    at: AwareDatetime
    actor: str = Field(description="a token's name, `schedule`, `guard`, or `operator` of a recovery")
    op: Literal[
        "start",
        "advance",
        "pause",
        "resume",
        "promote",
        "rollback",
        "ask.start",
        "ask.promote",
        "approve",
        "reject",
        "calibrate",
        "recover",
    ]
    prompt: str
    before: str | float | None = Field(alias="from")
    after: str | float | None = Field(alias="to")
    reason: str
    commit: str = Field(description="of the journal")
    plan: list[Step] | None = Field(
        default=None, description="the steps of the rollout that it began or asked for; else left out"
    )
    audience: list[Target] | None = Field(default=None, description="its audience, if it has one")
    guard: Guard | None = Field(default=None, description="its guard, if it has one")
    evidence: Json | None = Field(
        default=None,
        description="the numbers that a guard, or a timed advance of a guarded rollout, acted on",
    )
    attested: int | None = Field(
        default=None, description="the seq of the attestation that let the version in; else left out"
    )
    override: dict[str, str] | None = Field(
        default=None, description='what it went past, and why, as `{"suite": reason}`; else left out'
    )


class EnvironmentGuard(Shape):
    """The guard that a start has where its body leaves everything out but `"guard": true`."""

    required: bool = Field(description="a start has it, and may only add metrics")
    default: bool = Field(description="a start has it unless its body says no")
    guard: Guard


class History(Shape):
    """A page of changes, newest first."""

    data: list[ShownChange]
    next_cursor: str | None


class Acknowledgement(Shape):
    """A change in the journal."""

    epoch: int
    seq: int
    commit: str = Field(description="of the journal")
    applied: bool = Field(description="false while Redis does not have it; it will")
    state: State
    passed_over: list[PassedOver] | None = Field(
        default=None,
        description="where the body says `latest`: the invalid versions that would be it if they could be "
        "served, at most three, highest first; left out if there are none",
    )


class Requested(Acknowledgement):
    """A start or promote that awaits approval: `state.awaiting_approval` has it, and nothing else changed."""


class Alive(Shape):
    """The process answers."""

    status: Literal["alive"]


class Health(Shape):
    """Whether releases can be served; for each component `ok`, or its problem."""

    status: Literal["ready", "starting", "broken"]
    journal: str
    redis: str
    repository: str
    repository_age_seconds: float | None = Field(
        description="since the repository was last read without an error; null: never"
    )


class Moved(Shape):
    """A tag that was moved upstream; here it stays."""

    tag: str
    pinned: str
    upstream: str


class Failed(Shape):
    """A tag that could not be fetched, and is tried again."""

    tag: str
    error: str
    retry_at: AwareDatetime


class OtherThings(Shape):
    """Tags that look like versions', in a repository with other things beside prompts."""

    count: int
    sample: list[str]


class Ignored(Shape):
    """Tags that do not make a version."""

    count: int = Field(description="of all, those of other things too")
    sample: list[str]
    reasons: list[str] = Field(description="why, in the order of the sample")
    other_things: OtherThings = Field(description="of names of which no tag has a prompt's file")


class InvalidVersion(Shape):
    """A version that cannot be served."""

    name: str
    version: str
    problem: DocumentProblem


class InvalidVersions(Shape):
    """The count of versions that cannot be served, and some of them."""

    count: int
    sample: list[InvalidVersion]


class CatalogStatus(Shape):
    """The result of the last read of the repository."""

    repository: str | None = Field(description="its address; null: a folder of the registry's machine")
    synced_at: AwareDatetime | None
    error: str | None
    prompts: int
    versions: int
    ignored: Ignored
    moved: list[Moved]
    moved_count: int = Field(description="of all that were moved; `moved` has the first 100")
    failed: list[Failed]
    invalid: InvalidVersions
    unread: int = Field(description="versions that were not read yet")


class Followers(Shape):
    """The clients that follow one prompt."""

    prompt: str
    release: str | None = Field(description="`<epoch>.<seq>` of the newest")
    connected: int
    current: int = Field(description="of these, how many have the newest")


class Clients(Shape):
    """The connected clients, over all processes."""

    data: list[Followers]
    connected: int
    registries: int = Field(description="processes that were asked")
    complete: bool


class MirrorStatus(Shape):
    """Another repository to which the journal is pushed."""

    url: str
    pushed_at: AwareDatetime | None = Field(description="the last push; null: there was none")
    behind: int = Field(description="changes that it lacks")
    behind_s: float = Field(description="the age of the oldest of them")
    failures: int = Field(description="attempts that failed in a row")
    error: str | None = Field(description="why the last one failed")


class JournalStatus(Shape):
    """The journal as this process knows it."""

    epoch: int
    seq: int = Field(description="of the newest change")
    newest_at: AwareDatetime | None = Field(description="its time; null: nothing was changed yet")
    format: int = Field(description="which registries can read it")
    error: str | None = Field(description="why nothing can be changed now")
    mirror: MirrorStatus | None = Field(description="null: there is none")


class NotificationTarget(Shape):
    """A target of notifications, and what became of its messages."""

    name: str
    format: Literal["slack", "json"]
    signed: bool
    events: list[str] = Field(description="patterns of the events that it gets")
    waiting: int = Field(description="messages that are not taken yet")
    failing: int = Field(description="of these, how many were tried in vain")
    failing_since: AwareDatetime | None
    error: str | None = Field(description="why the last try failed")
    lost: int = Field(description="messages that it did not take for a day")
    taken_at: AwareDatetime | None = Field(description="when it took a message last")
    taken: str | None = Field(description="the event of that message")


class Notifications(Shape):
    """The targets of the operator's file."""

    data: list[NotificationTarget]


class Finding(Shape):
    """One check, its status, and the remedy."""

    name: str
    status: Literal["ok", "warning", "error"]
    message: str
    remedy: str | None


class Examination(Shape):
    """The findings of one examination."""

    checks: list[Finding]
    time: AwareDatetime
