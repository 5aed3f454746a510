"""The pages without scripts: what each shows and does, who may, and what comes from elsewhere."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from console.pages_over_http import Browser
from guarded import STAYS, Guarded
from service.conftest import TESTED
from suites.test_reports import report
from support import until

from registry.api.docs import suites

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import Api, PromptRepository, Registry

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}\u202e"


def released(api: Api, environment: str) -> str:
    """A prompt in force, with a rollout under way; the environment's address."""
    api.act("promote", "summarize", {"version": "1.0.0", "reason": "first"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "plan": "standard"}, environment)
    return f"/console/e/{environment}"


PAGES = (
    "", "/prompts/summarize", "/prompts/support/triage", "/rollouts/summarize", "/history", "/approvals",
    "/usage", "/calls", "/rollback", "/explain/summarize", "/usage.csv", "/actions/rollback/summarize",
    "/actions/promote/support/triage", "/actions/start/support/triage?version=1.0.0",
    "/history?prompt=summarize", "/usage?by=version&span=30d&prompt=summarize",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there(browser: Browser, api: Api, environment: str, path: str) -> None:
    """And says where it is; none may be framed, kept or given a script."""
    page = browser.get(released(api, environment) + path)
    assert page.status == 200, page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert "style=" not in page.html
    assert " onclick" not in page.html


def test_every_link_leads_somewhere(browser: Browser, api: Api, environment: str) -> None:
    """From the overview on, as far as two clicks go."""
    seen, todo = set(), [released(api, environment)]
    for _ in range(2):
        found = dict.fromkeys(link for path in todo for link in browser.get(path).links)
        here = [link for link in found if "/e/" not in link or f"/e/{environment}" in link]
        todo = [link for link in here if not link.startswith("#") and link not in seen]
        seen |= set(todo)
        for path in todo:
            assert browser.get(path).status in {200, 303, 307}, path
    assert len(seen) > 15


def test_a_browser_is_led_to_the_console(stranger: Browser, api: Api) -> None:
    """And to the page that was asked for, after the login; a program is told where the API is."""
    assert stranger.get("/", accept="text/html").headers["Location"] == "/console"
    assert stranger.get("/", accept="application/json").status == 404
    asked = stranger.get("/console/e/production?q=sum")
    assert asked.status == 303
    assert asked.headers["Location"].startswith("/console/login?next=%2Fconsole%2Fe%2Fproduction%3Fq%3Dsum")
    back = stranger.get(asked.headers["Location"]).fields("/console/login")
    assert stranger.post("/console/login", back | {"token": api.token}).headers["Location"] == back["next"]


@pytest.mark.parametrize(
    "back", ["https://elsewhere.example", "//elsewhere.example", "/console\\@x", "javascript:alert(1)"]
)
def test_a_login_leads_nowhere_else(stranger: Browser, api: Api, back: str) -> None:
    """An address from elsewhere cannot choose where."""
    answer = stranger.post("/console/login", {"token": api.token, "next": back})
    assert answer.headers["Location"] == "/console"


def test_a_wrong_token_is_refused(stranger: Browser) -> None:
    """On the same page, with the reason, and it stands in no address."""
    for wrong in ("", "nonsense", "ps_" + "x" * 40, HOSTILE):
        page = stranger.log_in(wrong)
        assert page.status == 401
        assert "<script>alert" not in page.html
    assert stranger.cookies == {}


def test_the_cookie_is_for_the_console_alone(stranger: Browser, api: Api) -> None:
    """No script reads it, no other site sends it, and over https it goes nowhere else."""
    plain = stranger.log_in(api.token).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/console", "Max-Age=43200"} <= set(plain.split("; "))
    assert "Secure" not in plain
    secure = stranger.post("/console/login", {"token": api.token}, x_forwarded_proto="https")
    assert "Secure" in secure.headers["Set-Cookie"]
    assert api.token not in plain
    assert stranger.get("/v1/prompts").status == 401


def test_a_change_is_previewed_made_and_told(browser: Browser, api: Api, environment: str) -> None:
    """With its reason in the history, by the session's token."""
    where = released(api, environment)
    action = f"{where}/actions/promote/summarize"
    page = browser.get(action)
    assert "1.0.0 → 1.1.0" in page.text
    assert "everyone; 5% have it already" in page.text
    done = browser.submit(action, action, reason="it does well")
    assert "1.1.0 for everyone" in browser.follow(done).text
    change = api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"][0]
    assert (change["op"], change["reason"], change["actor"]) == ("promote", "it does well", "admin")
    assert "it does well" in browser.get(f"{where}/changes/{change['seq']}?prompt=summarize").text


@pytest.mark.parametrize("op", ["advance", "pause", "rollback"])
def test_a_rollout_is_moved(browser: Browser, api: Api, environment: str, op: str) -> None:
    """By one form each."""
    action = f"{released(api, environment)}/actions/{op}/summarize"
    assert browser.submit(action, action).status == 303
    assert api.get(f"/v1/environments/{environment}/rollouts/summarize/history").json["data"][0]["op"] == op


def test_a_rollout_is_started_with_a_guard(browser: Browser, api: Api, environment: str) -> None:
    """The plan and the guard are chosen in the page."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    action = f"/console/e/{environment}/actions/start/summarize"
    page = browser.get(f"{action}?version=1.1.0&plan=fast&guard=true")
    assert "harm rolls it back" in page.text
    assert browser.post(action, page.fields(action)).status == 303
    rollout = api.state("summarize", environment)["rollout"]
    assert [step["percent"] for step in rollout["steps"]] == [10, 50, 100]
    assert rollout["guard"]["on_harm"] == "rollback"


def test_a_rollout_has_steps_and_an_audience_of_its_own(browser: Browser, api: Api, environment: str) -> None:
    """As they are typed for the command line; what is typed wrong is said, and starts nothing."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    action = f"/console/e/{environment}/actions/start/summarize"
    page = browser.get(f"{action}?version=1.1.0&steps=2:10m,50&audience=tenant%3Dacme,globex%0Aplan%3Dpro")
    assert "2% get 1.1.0 at once" in page.text
    assert "tenant is acme or globex" in page.text
    assert browser.post(action, page.fields(action)).status == 303
    rollout = api.state("summarize", environment)["rollout"]
    assert rollout["steps"] == [{"percent": 2, "hold": "10m"}, {"percent": 50}]
    assert [target["when"][0]["in"] for target in rollout["audience"]] == [["acme", "globex"], ["pro"]]
    assert "is no step; write steps like" in browser.get(f"{action}?version=1.1.0&steps=many").text
    assert "is no audience" in browser.get(f"{action}?version=1.1.0&audience=acme").text


def test_two_clicks_take_the_last_step_back(browser: Browser, api: Api, environment: str) -> None:
    """From any page: its header leads to the list, and each row is a form."""
    where = released(api, environment)
    for page in ("", "/usage", "/calls"):
        assert f"{where}/rollback" in browser.get(where + page).links
    action = f"{where}/actions/rollback/summarize"
    assert browser.submit(f"{where}/rollback", action).status == 303
    assert api.state("summarize", environment)["rollout"] is None


def test_the_second_of_two_people_is_told(browser: Browser, api: Api, environment: str) -> None:
    """Nothing is done that they did not see; the page shows what is so now."""
    action = f"{released(api, environment)}/actions/advance/summarize"
    seen = browser.get(action).fields(action)
    api.act("advance", "summarize", {}, environment)
    page = browser.post(action, seen | {"reason": "mine"})
    assert page.status == 412
    assert "Somebody changed it meanwhile, so nothing was done" in page.text
    assert "25%" in page.text
    assert page.fields(action)["reason"] == "mine"
    assert browser.post(action, page.fields(action)).status == 303


@pytest.mark.parametrize(
    ("headers", "csrf"),
    [
        ({}, ""),
        ({}, "0" * 64),
        ({"origin": "https://elsewhere.example"}, None),
        ({"sec_fetch_site": "cross-site"}, None),
        ({"sec_fetch_site": "same-site"}, None),
    ],
)
def test_a_form_of_another_site_does_nothing(
    browser: Browser, api: Api, environment: str, headers: dict[str, str], csrf: str | None
) -> None:
    """Without what a form of the session has, or from another origin."""
    action = f"{released(api, environment)}/actions/rollback/summarize"
    form = browser.get(action).fields(action)
    page = browser.post(action, form if csrf is None else form | {"csrf": csrf}, **headers)
    assert page.status == 403
    assert "not of your session" in page.text
    assert api.state("summarize", environment)["rollout"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://prompts.example.org", "sec_fetch_site": "same-origin"},
        {"origin": "http://prompts.example.org", "x_forwarded_host": "prompts.example.org"},
        {},
    ],
)
def test_a_form_comes_through_a_proxy(
    browser: Browser, api: Api, environment: str, headers: dict[str, str]
) -> None:
    """One that asks with a host of its own; over https the browser itself says that the form is ours."""
    action = f"{released(api, environment)}/actions/rollback/summarize"
    form = browser.get(action).fields(action)
    assert browser.post(action, form, **headers).status == 303


def test_a_reader_sees_no_buttons_and_can_do_nothing(
    browse: Callable[..., Browser], api: Api, environment: str
) -> None:
    """A right that is lacking is not offered, and is refused if it is tried."""
    where = released(api, environment)
    reader = browse(f"reader of {environment}", "reader")
    page = reader.get(where)
    assert not [link for link in page.links if "/actions/" in link or link.endswith("/rollback")]
    action = f"{where}/actions/rollback/summarize"
    token = page.fields("/console/logout")["csrf"]
    refused = reader.post(action, {"csrf": token})
    assert refused.status == 403
    assert "needs the role releaser" in refused.text
    assert "Tokens" not in reader.get("/console/system").text


def test_a_limited_token_sees_its_environments(
    browse: Callable[..., Browser], api: Api, environment: str
) -> None:
    """And no other, neither by a link nor by an address."""
    where = released(api, environment)
    limited = browse(f"only {environment}", "releaser", environments=[environment])
    assert limited.get("/console").headers["Location"] == where
    page = limited.get(where)
    assert "/console/e/production" not in page.links
    assert limited.get("/console/e/production").status == 403
    assert limited.get(f"{where}/prompts/summarize").status == 200


def test_a_revoked_token_ends_its_session(browse: Callable[..., Browser], api: Api) -> None:
    """At the next request, with a page that says so."""
    browser = browse("for a moment", "reader")
    (token,) = [t for t in api.get("/v1/tokens").json["data"] if t["name"] == "for a moment"]
    assert browser.get("/console/e/production").status == 200
    api.call("DELETE", f"/v1/tokens/{token['id']}")
    login = browser.follow(browser.get("/console/e/production"))
    assert "the session has ended" in login.text


def test_logging_out(browser: Browser) -> None:
    """The browser forgets the session."""
    form = browser.get("/console/system").fields("/console/logout")
    assert browser.post("/console/logout", form).headers["Location"] == "/console/login"
    assert browser.cookies == {}


def test_hostile_text_stays_text(browser: Browser, api: Api, environment: str) -> None:
    """In a reason, a token's name, an address: no script, no template, nothing that is not seen."""
    where = released(api, environment)
    api.act("pause", "summarize", {"reason": HOSTILE}, environment)
    pages = ["", "/prompts/summarize", "/rollouts/summarize", "/history", "/actions/resume/summarize"]
    for path in [*pages, f"/history?actor={'%3Cscript%3Ealert(1)'}", "?q=%22%3E%3Cscript%3Ealert(1)"]:
        html = browser.get(where + path).html
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "\u202e" not in html
        assert "{{7*7}}" in html or path not in pages[:2]


def test_why_a_user_has_a_version(browser: Browser, api: Api, environment: str) -> None:
    """The key is sent in a form, and is in no address."""
    action = f"{released(api, environment)}/explain/summarize"
    page = browser.submit(action, action, key="user-42")
    assert "user-42 gets 1." in page.text
    assert "bucket" in page.text


def test_a_token_is_made_shown_once_and_revoked(browser: Browser, api: Api) -> None:
    """Its secret is in the page that follows the form, and nowhere else."""
    form = {"name": "made in a page", "may_app": "1", "environment": "staging", "expires_in": "90d"}
    made = browser.submit("/console/system", "/console/tokens", **form)
    (token,) = [t for t in api.get("/v1/tokens").json["data"] if t["name"] == "made in a page"]
    assert token["capabilities"] == ["app"]
    assert token["environments"] == ["staging"]
    assert "ps_" in made.text
    assert "ps_" not in browser.get("/console/system").text.replace("ps_...", "")
    action = f"/console/tokens/{token['id']}/revoke"
    assert browser.submit("/console/system", action, reason="tried it").status == 303
    assert "made in a page" not in [t["name"] for t in api.get("/v1/tokens").json["data"]]


def test_evidence_is_shown(browser: Browser, api: Api, environment: str) -> None:
    """Both arms, the interval, and how strongly it speaks against the candidate."""
    guarded = Guarded(api, environment, STAYS, guard={"on_harm": "notify"})
    guarded.report(40, canary_bad=14)
    until(lambda: guarded.evidence["verdict"] == "harm", "the verdict")
    page = browser.get(f"/console/e/{environment}/rollouts/summarize")
    assert "14 of 40 (35.0%)" in page.text
    assert "at least " in page.text
    assert "Evidence of harm (E)" in page.html
    assert "0 of 40 (0.0%)" in page.text
    assert "harm" in page.text


def test_harm_that_no_guard_acts_on_is_said(browser: Browser, api: Api, environment: str) -> None:
    """On the overview and at the rollout: people decide there, and the counts speak."""
    unguarded = Guarded(api, environment, STAYS, guard=False)
    unguarded.report(40, canary_bad=14)
    said = "harm in errors, and no guard acts on it"
    until(lambda: said in browser.get(f"/console/e/{environment}").text, "the counts")
    assert said in browser.get(f"/console/e/{environment}/rollouts/summarize").text


def test_budgets_are_shown(
    serve: Callable[..., Registry], new_repository: PromptRepository, tmp_path: Path
) -> None:
    """On the overview and with the usage: of which calls, what is spent, and of how much."""
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[budgets]]\nenvironment = "production"\nperiod = "month"\nusd = 200.0\n'
        '[[budgets]]\nenvironment = "production"\nprompt = "summarize"\nperiod = "day"\nusd = 5.0\n'
    )
    registry = serve(source=new_repository, config=str(rules))
    with closing(Browser(registry.url)) as browser:
        browser.log_in(registry.api.token)
        for page in ("", "/usage"):
            text = browser.get(f"/console/e/production{page}").text
            assert "all calls , this month: $0.00 of $200.00 (0%)" in text
            assert "summarize , this day: $0.00 of $5.00 (0%)" in text


def test_what_waits_for_approval(browser: Browser, api: Api, guarded: str) -> None:
    """It is listed, with what it would change; its own author cannot approve it."""
    api.act("promote", "summarize", {"version": "1.0.0", "reason": "please look"}, guarded)
    where = f"/console/e/{guarded}"
    assert "please look" in browser.get(f"{where}/approvals").text
    action = f"{where}/actions/approve/summarize"
    assert "→ 1.0.0" in browser.get(action).text
    page = browser.submit(action, action)
    assert page.status == 403
    assert "another token must approve it" in page.text
    assert (
        browser.submit(f"{where}/actions/reject/summarize", f"{where}/actions/reject/summarize").status == 303
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/console/e/nowhere", 404), ("/console/e/production/prompts/no-such", 404),
        ("/console/nothing", 404), ("/console/e/production/actions/explode/summarize", 404),
        ("/console/e/production/calls/nonsense", 404), ("/console/e/production/usage?by=colour", 422),
        ("/console/e/production/changes/999999", 404), ("/console/versions/9.9.9/prompts/summarize", 404),
        ("/console/diff/summarize?old=1.0.0&new=9.9.9", 404),
        ("/console/e/production/history?since=yesterday", 422), ("/console/diff/summarize", 422),
        ("/console/static/x/../../app.py", 404), ("/console/static/x/session.py", 404),
    ],
)  # fmt: skip
def test_a_wrong_address_is_a_page_that_says_so(browser: Browser, path: str, status: int) -> None:
    """Never a page of the framework, and never a fault."""
    page = browser.get(path)
    assert page.status == status
    assert "Promptstage" in page.text


def test_a_suite_that_is_missing_is_said_and_gone_past_with_a_reason(browser: Browser, api: Api) -> None:
    """The field for it is there where the registry would refuse, and nowhere else."""
    where = f"/console/e/{TESTED}"
    action = f"{where}/actions/promote/summarize"
    plain = browser.get("/console/e/staging/actions/promote/summarize?version=1.0.0")
    page = browser.get(f"{action}?version=1.0.0")
    refused = browser.submit(f"{action}?version=1.0.0", action)
    done = browser.submit(f"{action}?version=1.0.0", action, override_suite="the first one")

    assert "override_suite" not in plain.fields("/console/e/staging/actions/promote/summarize")
    assert page.fields(action)["override_suite"] == ""
    assert "summarize@1.0.0 has no cases, and tested requires a suite" in page.text
    assert (refused.status, "summarize@1.0.0 has no cases" in refused.text) == (409, True)
    assert done.status == 303
    (change,) = api.get(f"/v1/environments/{TESTED}/rollouts/summarize/history").json["data"]
    assert change["override"] == {"suite": "the first one"}


def attest_report(api: Api, version: str) -> bytes:
    """Attest a run with cases of every kind, for a version of summarize; what its author keeps."""
    made = report()
    body = replace(made, prompts=(replace(made.prompts[0], prompt="summarize"),)).to_json()
    content = json.dumps(body, indent=1).encode()
    told = {
        "prompt": "summarize",
        "digest": api.get(f"/v1/prompts/summarize/versions/{version}").json["digest"],
        "against": None,
        "report": f"sha256:{sha256(content).hexdigest()}",
    }
    assert api.call("POST", "/v1/attestations", {**suites.RESULT, **told}).status == 201
    return content


def test_a_report_is_shown_if_it_was_attested(browser: Browser, api: Api) -> None:
    """With both answers of a case, worst first; another file, and one that another site sends, are not."""
    body = attest_report(api, "1.2.0")
    page = browser.get("/console/versions/1.2.0/prompts/summarize")
    where, csrf = "/console/versions/1.2.0/report/summarize", page.fields("/console/logout")["csrf"]
    answer = browser.send_file(where, body, x_csrf=csrf)
    shown = answer.text

    assert f"{sha256(body).hexdigest()}.json" in page.text
    assert shown.index("regressed bad '") < shown.index("fixed better 0")
    assert "1.0.0 before" in shown
    assert "<script> @octocat" not in answer.html
    assert browser.send_file(where, body).status == 403
    other = browser.send_file(where, body + b" ", x_csrf=csrf)
    assert (other.status, "is not a report that was attested" in other.text) == (422, True)
    assert browser.send_file(where, b"x" * 3_000_000, x_csrf=csrf).status == 422
