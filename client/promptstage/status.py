"""The shape of `Client.status`: plain values, which `json.dumps` takes as they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypedDict

StreamState = Literal["idle", "connecting", "connected", "polling", "backing off", "stalled", "closed"]


class PromptStatus(TypedDict):
    """One name that this client follows.

    Attributes:
        version: what everyone gets who is in no rollout; None where nothing is held.
        versions: all that a key can get, that one first; besides, a pin can lead to recent ones.
        source: ``live``, or ``snapshot`` until the registry has confirmed it to this process.
        age: seconds since the registry last confirmed it.
        epoch: with `seq`, how new the release is.
        seq: see `epoch`.
        error: why nothing, or nothing newer, is held.
    """

    version: str | None
    versions: list[str]
    source: Literal["live", "snapshot"] | None
    age: float | None
    epoch: int | None
    seq: int | None
    error: str | None


class StreamStatus(TypedDict):
    """The state of the stream of changes.

    Attributes:
        state: ``idle`` before the first name; ``connecting``; ``connected``; ``polling`` where there is
            no stream to be had; ``backing off`` while the registry cannot be reached; ``stalled`` where
            the thread that does all this has not run for two minutes; ``closed``.
        since: when this state began, as RFC 3339 in UTC.
        head: the newest ``<epoch>.<seq>`` that the registry told of.
        failures: attempts that failed since it was last connected.
        error: why it is not connected.
    """

    state: StreamState
    since: str
    head: str | None
    failures: int
    error: str | None


class SnapshotStatus(TypedDict):
    """The files that outlive the process: their folder, and why nothing can be written there."""

    folder: str | None
    error: str | None


class BreakerStatus(TypedDict):
    """The state of the breaker: whether first fetches fail at once for now, and why."""

    open: bool
    error: str | None


class ReportsStatus(TypedDict):
    """The reports of calls, feedback and resolutions.

    Attributes:
        state: ``idle`` before the first one; ``reporting``; ``backing off`` while the registry does not take
            them; ``stopped`` where it refuses them; ``off`` where nothing is to be reported; ``closed``.
        queued: how many wait.
        bytes: the memory that they take.
        sent: how many the registry has taken.
        refused: how many it has refused, one by one.
        dropped: how many were let go, because they were too many or could not be sent.
        content_dropped: of how many the content was let go.
        sample: the share of calls whose content the registry asks for.
        error: why they are not sent, or why one was refused.
    """

    state: Literal["idle", "reporting", "backing off", "stopped", "off", "closed"]
    queued: int
    bytes: int
    sent: int
    refused: int
    dropped: int
    content_dropped: int
    sample: float
    error: str | None


class LastError(TypedDict):
    """An error and its time, as RFC 3339 in UTC."""

    error: str
    at: str


class HealthStatus(TypedDict):
    """The health of the registry, as the client sees it.

    Attributes:
        breaker: of first fetches.
        auth_error: why the registry refuses the token, as long as it does.
        last_error: the last thing that went wrong, which may be over.
        counts: how often: ``random_keys``, ``fallbacks``, ``first_fetches``, ``streams_opened``, and
            ``names_let_go``: asked for, without a release, and not followed any more, being too many;
            ``releases_ignored``: sent by the registry, and of no use; ``pins_ignored``: of versions that are
            neither served nor recent, or no pins at all; ``odd_responses``: of which a `call` could not read
            something; ``contents_left_out``: too large, or no JSON; ``unlogged_calls``: whose log line could
            not be written.
    """

    breaker: BreakerStatus
    auth_error: str | None
    last_error: LastError | None
    counts: dict[str, int]


class Status(HealthStatus):
    """All of it. The token is not in it.

    Attributes:
        url: the registry.
        environment: what is followed there.
        prompts: by name, all that are followed.
        stream: how changes come in.
        snapshots: what outlives the process.
        reports: how calls are reported.
    """

    url: str
    environment: str
    prompts: dict[str, PromptStatus]
    stream: StreamStatus
    snapshots: SnapshotStatus
    reports: ReportsStatus


def now() -> str:
    """The time of day as it stands there: RFC 3339 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
