"""Changes: what exactly would change for whom, and the change itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from registry.console import page, side_by_side
from registry.console.visit import ConsoleRoute, Sending, Visiting
from registry.errors import NotFound, RegistryError
from registry.rollouts.state import PLANS
from registry.wording import describe, notation, paths, preview, suites
from registry.wording.preview import Order
from registry.wording.reads import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.responses import Response

    from promptstage.model import Json
    from registry.console.in_process import Api
    from registry.console.visit import Visit

router = APIRouter(prefix=page.ROOT, route_class=ConsoleRoute, include_in_schema=False)
OPERATIONS = {
    "start": "Start a rollout",
    "promote": "Promote",
    "advance": "Advance",
    "pause": "Pause",
    "resume": "Resume",
    "rollback": "Roll back",
    "approve": "Approve",
    "reject": "Reject",
}
WITH_VERSION = ("start", "promote")
GUARDED = {None: "", True: "true", False: "false"}  # what a form says of the guard
SEEN = ("precondition_failed", "changed")  # somebody was faster


@router.get("/e/{environment}/rollback")
async def rollbacks(visit: Visiting, environment: str) -> Response:
    """List everything that can be taken back, each with its button."""
    return await visit.show(
        "rollback.html", lambda: to_take_back(visit.api, environment), environment=environment
    )


def to_take_back(api: Api, environment: str) -> dict[str, Any]:
    """Return each prompt with a change that a rollback undoes; what moves comes first."""
    states = api.get(paths.rollout_path(environment), "data")["data"]
    found = [(state, goes) for state in states if (goes := preview.move("rollback", state, None))]
    return {"found": sorted(found, key=lambda pair: pair[0]["rollout"] is None)}


@router.get("/e/{environment}/actions/{op}/{name:path}")
async def ask(visit: Visiting, environment: str, op: str, name: str) -> Response:
    """Show what a change would do, and ask for its reason."""
    given = dict(visit.request.query_params)
    return await visit.show(
        "action.html", lambda: asked(visit.api, _order(environment, op, name, given)), environment=environment
    )


@router.post("/e/{environment}/actions/{op}/{name:path}")
async def act(sent: Sending, environment: str, op: str, name: str) -> Response:
    """Make a change as it was shown, and show what is in force then."""
    visit, form = sent
    order = _order(environment, op, name, form)
    path = f"{paths.rollout_path(environment, name)}/actions/{op}"
    try:
        answer = await visit.api.send(path, order.body, form.get("seen", ""))
    except Refused as error:
        return await _refused(visit, order, error)
    told = "asked" if answer["state"].get("awaiting_approval") and op in WITH_VERSION else op
    return RedirectResponse(page.url("e", environment, "prompts", name, done=told), HTTPStatus.SEE_OTHER)


async def _refused(visit: Visit, order: Order, error: Refused) -> Response:
    """Show the page again, with what is so now, and why nothing was done."""
    values = await visit.read(lambda: asked(visit.api, order))
    message = error.message
    if error.code in SEEN:
        message = (
            "Somebody changed it meanwhile, so nothing was done. Below is what your change would do now."
        )
    frame = visit.frame(order.environment)
    return page.render("action.html", {**frame, **values, "refused": message}, error.extra["status"])


def _order(environment: str, op: str, name: str, given: Mapping[str, str]) -> Order:
    """Return the command of a form or an address. Raises NotFound."""
    if op not in OPERATIONS:
        raise NotFound(f"there is no action {op[:40]!r}", code="unknown_action")
    body: Json = {"reason": given.get("reason", "").strip()}
    if op in WITH_VERSION and given.get("version"):
        body["version"] = given["version"]
    if op == "start":
        body |= _plan(given)
    if given.get("guard") in {"true", "false"}:
        body["guard"] = given["guard"] == "true"
    if why := given.get("override_suite", "").strip():
        body["override"] = {"suite": why}
    if given.get("force"):
        body["force"] = True
    return Order(op, name, environment, body)


def _plan(given: Mapping[str, str]) -> Json:
    """Return the steps that were typed, else the plan that was chosen; and the audience. Raises Invalid."""
    typed = given.get("steps", "").strip()
    targets = [line for line in given.get("audience", "").splitlines() if line.strip()]
    plan: Json = {"steps": notation.steps(typed)} if typed else {"plan": given.get("plan") or "standard"}
    return plan | ({"audience": notation.audience(targets)} if targets else {})


def asked(api: Api, order: Order) -> dict[str, Any]:
    """Return what the page of a change shows: the same facts as the command's preview."""
    state = api.get(paths.rollout_path(order.environment, order.name), "stable")
    body = {**order.body, "force": bool(order.body.get("force"))}
    if order.op == "start":
        plan = PLANS.get(body.pop("plan", ""), ())
        steps = [step.model_dump(mode="json", exclude_none=True) for step in plan]
        body = {"steps": steps, "audience": []} | body
    seen, trouble = preview.Preview(), ""
    try:
        seen = preview.of(api, Order(order.op, order.name, order.environment, body), state)
    except RegistryError as error:
        trouble = error.message
    versions = (
        list(api.pages(f"{paths.prompt_path(order.name)}/versions")) if order.op in WITH_VERSION else []
    )
    return {
        "op": order.op,
        "title": OPERATIONS[order.op],
        "name": order.name,
        "given": order.body,
        "steps": notation.steps_text(order.body.get("steps", ())),
        "audience": "\n".join(notation.audience_texts(order.body.get("audience", ()))),
        "guarded": GUARDED[order.body.get("guard")],
        "state": state,
        "sentence": describe.sentence(state, page.now()),
        "facts": list(seen.facts),
        "rows": list(side_by_side.rows(seen.data.get("unified", ""))) if seen.data.get("unified") else [],
        "versions": versions,
        "plans": list(PLANS),
        "trouble": trouble,
        "refused": "",
        "needs_suite": suites.is_refused(seen.data.get("suite"), None),
        "needs_version": order.op in WITH_VERSION and not order.body.get("version") and not state["rollout"],
    }
