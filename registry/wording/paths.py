"""The paths of the API."""

from __future__ import annotations

from urllib.parse import quote, urlencode

CATALOG = "/v1/catalog"
"""What the registry knows of its repository."""
DOCTOR = "/v1/doctor"
"""What is wrong with the registry."""
JOURNAL = "/v1/journal"
"""The newest change, and the mirror."""
NOTIFICATIONS = "/v1/notifications"
"""Where notifications go."""
ATTESTATIONS = "/v1/attestations"
"""Where the results of suites are sent."""


def prompt_path(name: str) -> str:
    """The path of a prompt's own resource."""
    return f"/v1/prompts/{quote(name)}"


def diff_path(name: str, old: str, new: str) -> str:
    """The path of what differs between two versions."""
    return f"{prompt_path(name)}/diff?{urlencode({'from': old, 'to': new})}"


def rollout_path(environment: str, name: str = "") -> str:
    """The path of a prompt's rollouts in an environment, or of all that are there."""
    return f"{_place(environment)}/rollouts" + (f"/{quote(name)}" if name else "")


def releases_path(environment: str) -> str:
    """The path of what is in force of several prompts."""
    return f"{_place(environment)}/releases"


def history_path(environment: str, name: str | None) -> str:
    """The path of what changed: of a prompt, or of all in an environment."""
    return f"{rollout_path(environment, name)}/history" if name else f"{_place(environment)}/history"


def guard_path(environment: str) -> str:
    """The guard of an environment."""
    return f"{_place(environment)}/guard"


def suite_path(environment: str, name: str) -> str:
    """How the versions of a prompt stand with an environment's rule of suites."""
    return f"{_place(environment)}/suites/{quote(name)}"


def attestations_path(name: str, version: str) -> str:
    """The attestations of a version."""
    return f"{prompt_path(name)}/versions/{quote(version)}/attestations"


def evidence_path(environment: str, name: str) -> str:
    """What the calls say of a rollout."""
    return f"{_place(environment)}/evidence/{quote(name)}"


def usage_path(environment: str) -> str:
    """Where an environment's usage is."""
    return f"{_place(environment)}/usage"


def budgets_path(environment: str) -> str:
    """Where an environment's budgets are."""
    return f"{_place(environment)}/budgets"


def alerts_path(environment: str) -> str:
    """Where an environment's alerts are."""
    return f"{_place(environment)}/alerts"


def calls_path(environment: str) -> str:
    """Where an environment's calls are."""
    return f"{_place(environment)}/calls"


def review_path(environment: str, call: str = "", act: str = "") -> str:
    """The path of what waits for review, or of what is done with a call of it."""
    return f"{_place(environment)}/review" + (f"/{quote(call, safe='')}/{act}" if call else "")


def labels_path(environment: str) -> str:
    """Where an environment's labels are."""
    return f"{_place(environment)}/labels"


def scores_path(environment: str) -> str:
    """Where an environment's scores go, and calls to score are claimed."""
    return f"{_place(environment)}/scores"


def clients_path(environment: str) -> str:
    """The path of the clients that follow an environment."""
    return f"{_place(environment)}/clients"


def resolve_path(environment: str, name: str) -> str:
    """The path that tells which version a key gets."""
    return f"{_place(environment)}/resolve/{quote(name)}"


def _place(environment: str) -> str:
    return f"/v1/environments/{quote(environment)}"
