"""What is said of a call later, from elsewhere: feedback, and that a unit of business is done."""

from __future__ import annotations

from typing import Any

from promptstage.limits import COMMENT_CHARACTERS

KINDS = ("up", "down", "edited", "accepted", "regenerated")


def feedback(call: str, given: str | float, comment: str | None) -> dict[str, Any]:
    """The body of feedback on one call.

    Raises:
        ValueError: it is neither one of the kinds nor a number from 0 to 1.
    """
    body: dict[str, Any] = {"call": str(call)}
    if isinstance(given, str) and given in KINDS:
        body["kind"] = str.__str__(given)
    elif isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1:
        body["value"] = given
    else:
        raise ValueError(f"feedback is one of {', '.join(KINDS)}, or a number from 0 to 1, not {given!r}")
    if comment:
        body["comment"] = str(comment)[:COMMENT_CHARACTERS]
    return body


def resolution(conversation: object, *, ok: bool) -> dict[str, Any]:
    """The body of the end of a conversation, which is still as it was given.

    Raises:
        ValueError: it is none: all of these would be one conversation, of which no call is known.
    """
    if conversation is None or conversation == "":
        raise ValueError(f"resolved needs the conversation that its calls were made in, not {conversation!r}")
    return {"conversation": str(conversation), "ok": bool(ok)}
