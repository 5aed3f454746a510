"""Review: one call at a time, and what people say of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from registry.console import page
from registry.console.visit import ConsoleRoute, Sending, Visiting
from registry.wording import item, paths
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api
    from registry.console.visit import Visit

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
TAKEN = ("claimed", "labelled", "skipped", "pulled", "erased", "not_sampled", "unknown_call")
DONE = 20  # labels that are listed
VERDICTS = {"good": "good", "bad": "bad", "edit": "bad"}


@router.get("/e/{environment}/review")
async def review(visit: Visiting, environment: str, prompt: str = "") -> Response:
    """Show how much waits, and what was said lately."""
    return await visit.show(
        "review.html", lambda: waiting(visit.api, environment, prompt), environment=environment
    )


def waiting(api: Api, environment: str, prompt: str) -> dict[str, Any]:
    """Return what waits and what is done; `prompt` is empty for all."""
    path, asked = paths.review_path(environment), {"prompt": prompt} if prompt else {}
    return {
        "queue": api.get(path, "open", limit=DONE, **asked),
        "done": api.get(path, "open", limit=DONE, state="done", **asked)["data"],
        "prompt": prompt,
        "judges": compared(api, environment, prompt),
    }


def compared(api: Api, environment: str, prompt: str) -> list[Json]:
    """Return the rows of judges beside people; none where no judge was at work."""
    asked = {"prompt": prompt} if prompt else {}
    found = api.maybe(f"{paths.review_path(environment)}/agreement", "data", **asked)
    return found["data"] if found else []


@router.post("/e/{environment}/review/next")
async def take_next(sent: Sending, environment: str) -> Response:
    """Claim the next call that is free, and show it with its content."""
    visit, form = sent
    return await _next(visit, environment, form.get("prompt", ""))


@router.post("/e/{environment}/review/{call}/label")
async def label(sent: Sending, environment: str, call: str) -> Response:
    """Say what an answer is worth, and show the next call, with what judges said of this one."""
    visit, form = sent
    verdict = form.get("verdict", "")
    body: Json = {
        "verdict": VERDICTS.get(verdict, verdict),
        "case": "case" in form,
        "tags": form.get("tags", "").split(),
    }
    if note := form.get("note", "").strip():
        body["note"] = note
    if verdict == "edit":
        body["expected"] = form.get("expected", "")
    said: Json = {"verdict": body["verdict"], "call": call}
    try:
        said |= await visit.api.send(paths.review_path(environment, call, "label"), body)
    except Refused as error:
        said["refused"] = error.message
    return await _next(visit, environment, form.get("prompt", ""), said)


@router.post("/e/{environment}/review/{call}/skip")
async def skip(sent: Sending, environment: str, call: str) -> Response:
    """Leave a call to others, and show the next one."""
    visit, form = sent
    await visit.api.send(paths.review_path(environment, call, "skip"), {})
    return await _next(visit, environment, form.get("prompt", ""))


async def _next(visit: Visit, environment: str, prompt: str, said: Json | None = None) -> Response:
    values = await visit.read(lambda: {"item": claim(visit.api, environment, prompt)})
    values = {**values, **await visit.read(lambda: waiting(visit.api, environment, prompt))}
    template = "review_item.html" if values["item"] else "review.html"
    return page.render(
        template, {**visit.frame(environment), **values, "said": said, **_parts(values["item"])}
    )


def claim(api: Api, environment: str, prompt: str) -> Json | None:
    """Claim the first call that nobody has; None: nothing waits."""
    path, asked = paths.review_path(environment), {"prompt": prompt} if prompt else {}
    for one in api.get(path, "open", limit=DONE, **asked)["data"]:
        try:
            return api.post(paths.review_path(environment, one["call"], "claim"), {}, "content")
        except Refused as error:
            if error.code not in TAKEN:
                raise
    return None


def _parts(claimed: Json | None) -> dict[str, Any]:
    """Return the texts of a call, each with its heading: what was given, and what was answered."""
    if claimed is None:
        return {}
    return {"texts": list(item.inputs(claimed["content"])), "answer": item.answer(claimed)}
