"""The console in a real browser: what moves, what keeps still, what is typed, and whom it can be read by."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from console.test_console_pages import attest_report
from guarded import STAYS, Guarded
from playwright.sync_api import expect, sync_playwright
from service.test_calls import There
from service.test_review import queued, reviewer
from support import Registry, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page
    from support import Api, PromptRepository

AXE = (Path(__file__).parent / "axe.min.js").read_text()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WAIT_MS = 15_000
COLOURS = "color-contrast"  # the rule that a scheme can break; the others have seen the same page
HIDDEN = """[...document.querySelectorAll(".wide")].filter((one) => one.scrollWidth > one.clientWidth)
.map((one) => one.outerHTML)"""
HOSTILE = "<script>window.hurt=1</script>\"'><img src=x onerror=window.hurt=1>\u202e" + "W" * 150
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's browser."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def enter(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a window of its own, and logs in by what a person does; what goes wrong in it fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def start(api: Api, path: str = "/console", **options: Any) -> Page:
        contexts.append(chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: wrong.extend(elsewhere(asked.url, api.url)))
        page.goto(api.url + path)
        page.get_by_label("Token").fill(api.token)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        return page

    yield start
    for context in contexts:
        context.close()
    assert wrong == []


def elsewhere(asked: str, url: str) -> list[str]:
    """An address that is not the registry's."""
    return [] if asked.startswith((url, "data:")) else [asked]


def under_way(api: Api, environment: str) -> str:
    """A rollout with evidence; the environment's address."""
    guarded = Guarded(api, environment, STAYS, guard={"on_harm": "notify"})
    guarded.report(30, canary_bad=6)
    until(lambda: guarded.evidence["exposed"], "the counts")
    return f"/console/e/{environment}"


PAGES = (
    "", "/prompts/summarize", "/rollouts/summarize", "/history", "/approvals", "/usage?by=version&span=24h",
    "/calls", "/rollback", "/explain/summarize", "/actions/rollback/summarize",
    "/actions/promote/support/triage?version=1.0.0",
)  # fmt: skip
ELSEWHERE = (
    "/prompts",
    "/versions/1.1.0/prompts/summarize",
    "/diff/summarize?old=1.0.0&new=1.1.0",
    "/system",
)


@pytest.mark.parametrize("width", [1400, 380])
def test_every_page_can_be_read(enter: Callable[..., Page], api: Api, environment: str, width: int) -> None:
    """By axe's rules, in light and in dark; and neither a page nor a table is wider than the window."""
    where = under_way(api, environment)
    page = enter(api, viewport={"width": width, "height": 800})
    for path in [*(where + one for one in PAGES), *("/console" + one for one in ELSEWHERE)]:
        page.goto(api.url + path)
        page.evaluate(AXE)
        assert violations(page, "light") == [], path
        assert violations(page, "dark", COLOURS) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(HIDDEN) == [], path


def violations(page: Page, scheme: Literal["light", "dark"], *rules: str) -> list[Any]:
    """What axe finds in a page, in a scheme of colours; by some of its rules, or by all."""
    page.emulate_media(color_scheme=scheme)
    found = page.evaluate("rules => axe.run(rules.length ? {runOnly: rules} : {})", rules)
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


@pytest.mark.parametrize(("width", "scheme"), [(1400, "dark"), (380, "light")])
def test_the_login_can_be_read(chromium: Browser, api: Api, width: int, scheme: str) -> None:
    """The only page before a session."""
    page = chromium.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{api.url}/console/login?ended=1")
    page.evaluate(AXE)
    assert page.evaluate("axe.run()")["violations"] == []
    page.close()


def test_a_narrow_table_says_what_each_cell_is(
    enter: Callable[..., Page], api: Api, environment: str
) -> None:
    """Below one another, also after a change; the harm that no guard acts on is in sight."""
    unguarded = Guarded(api, environment, STAYS, guard=False)
    page = enter(api, f"/console/e/{environment}", viewport={"width": 380, "height": 800})
    unguarded.report(40, canary_bad=14)
    until(lambda: unguarded.evidence["metrics"][0]["e"] > 100, "the counts")
    unguarded.act("pause")
    evidence = page.get_by_role("cell").and_(page.locator("[data-label=Evidence]"))
    expect(evidence).to_contain_text("harm in errors, and no guard acts on it", timeout=WAIT_MS)
    before = "cell => getComputedStyle(cell, '::before').content"
    assert page.evaluate(before, evidence.element_handle()) == '"Evidence "'
    box = evidence.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 380
    assert page.evaluate(HIDDEN) == []


def test_an_open_page_shows_what_others_change(
    enter: Callable[..., Page], api: Api, environment: str
) -> None:
    """Without a reload; the window, the focus and the scroll stay."""
    where = under_way(api, environment)
    page = enter(api, where)
    page.evaluate("window.kept = true")
    api.act("pause", "summarize", {"reason": "wait a moment"}, environment)
    expect(page.get_by_text("wait a moment")).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_role("cell", name="paused", exact=True)).to_be_visible()
    assert page.evaluate("window.kept") is True


def test_nothing_is_replaced_under_a_person_who_writes(
    enter: Callable[..., Page], api: Api, environment: str
) -> None:
    """A filter that is half typed stays; the page is new when the field is left."""
    page = enter(api, under_way(api, environment))
    field = page.get_by_placeholder("Filter by name")
    field.fill("summ")
    with page.expect_event("console", lambda told: "changed" in told.text):
        page.evaluate(
            "source.addEventListener('changed', () => setTimeout(() => console.log('changed'), 300))"
        )
        api.act("pause", "summarize", {"reason": "unseen so far"}, environment)
    expect(field).to_have_value("summ")


def test_a_rollback_while_the_evidence_is_open(
    enter: Callable[..., Page], api: Api, environment: str
) -> None:
    """Two clicks, and the page of the rollout says in another window that it is over."""
    where = under_way(api, environment)
    watched = enter(api, f"{where}/rollouts/summarize")
    expect(watched.get_by_role("rowheader", name="errors", exact=True)).to_be_visible()
    page = enter(api, f"{where}/usage")
    page.get_by_role("link", name="Roll back…").click()
    page.get_by_role("button", name=re.compile("Roll back to 1.0.0")).click()
    page.wait_for_url(re.compile("/prompts/summarize"))
    expect(page.get_by_text("1.0.0 for everyone")).to_be_visible()
    expect(watched.get_by_text("No rollout is under way")).to_be_visible(timeout=WAIT_MS)


def test_what_is_chosen_anew_is_looked_at_first(
    enter: Callable[..., Page], api: Api, environment: str
) -> None:
    """The page shows another plan then; until that was seen, nothing can be started."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    page = enter(api, f"/console/e/{environment}/actions/start/summarize?version=1.1.0")
    start = page.get_by_role("button", name="Start a rollout")
    expect(start).to_be_enabled()
    page.get_by_label("Plan").select_option("fast")
    expect(start).to_be_disabled()
    expect(page.get_by_text("show what it would do first")).to_be_visible()
    page.get_by_role("button", name="Show what it would do").click()
    expect(page.get_by_text("10% get 1.1.0 at once")).to_be_visible()
    expect(start).to_be_enabled()


def test_a_report_is_opened(enter: Callable[..., Page], api: Api, tmp_path: Path) -> None:
    """From the reader's disk, below its attestation; it can be read in both schemes of colours."""
    file = tmp_path / "report.json"
    file.write_bytes(attest_report(api, "1.1.0"))
    page = enter(api, "/console/versions/1.1.0/prompts/summarize", viewport={"width": 380, "height": 800})
    page.get_by_label("Open a report").set_input_files(file)
    expect(page.get_by_text("cases passed, ")).to_be_visible()
    page.evaluate(AXE)
    assert violations(page, "light") == []
    assert violations(page, "dark", COLOURS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    other = tmp_path / "other.json"
    other.write_text("{}")
    page.get_by_label("Open a report").set_input_files(other)
    expect(page.get_by_text("is not a report that was attested")).to_be_visible()


def test_two_people_at_once(enter: Callable[..., Page], api: Api, environment: str) -> None:
    """The second is refused kindly, keeps the reason, and sees what the change would do now."""
    action = f"{under_way(api, environment)}/actions/pause/summarize"
    first, second = enter(api, action), enter(api, action)
    second.get_by_label("Why").fill("I was here too")
    first.get_by_role("button", name="Pause").click()
    first.wait_for_url(re.compile("/prompts/summarize"))
    second.get_by_role("button", name="Pause").click()
    expect(second.get_by_role("alert").first).to_contain_text("Somebody changed it meanwhile")
    expect(second.get_by_label("Why")).to_have_value("I was here too")


def test_a_revoked_token_leads_to_the_login(enter: Callable[..., Page], api: Api, environment: str) -> None:
    """The open page finds it out by itself."""
    where = under_way(api, environment)
    made = api.call("POST", "/v1/tokens", {"name": f"gone {environment}", "role": "reader"}).json
    page = enter(type(api)(api.url, made["secret"]), where)
    api.call("DELETE", f"/v1/tokens/{made['id']}")
    page.wait_for_url(re.compile("/console/login"), timeout=WAIT_MS)
    expect(page.get_by_role("alert")).to_contain_text("the session has ended")


def test_a_registry_that_restarts(
    enter: Callable[..., Page], serve: Callable[..., Registry], environment: str
) -> None:
    """The page says that it is old, and follows again; the session goes on."""
    registry = serve()
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    page = enter(registry.api, "/console/e/production")
    expect(page.get_by_text("The registry is well").or_(page.get_by_text("clients"))).to_be_visible()
    port = registry.port
    registry.stop()
    expect(page.get_by_text("The registry does not answer")).to_be_visible(timeout=2 * WAIT_MS)
    again = serve(port=port)
    expect(page.get_by_text("The registry does not answer")).to_be_hidden(timeout=2 * WAIT_MS)
    again.api.act("promote", "summarize", {"version": "1.1.0", "reason": "after the restart"})
    expect(page.get_by_text("after the restart")).to_be_visible(timeout=WAIT_MS)


def test_hostile_text_runs_nothing_and_breaks_nothing(
    enter: Callable[..., Page], serve: Callable[..., Registry], new_repository: PromptRepository
) -> None:
    """In reasons, token names, prompts and their messages, at the narrowest width."""
    quoted, name = HOSTILE.replace('"', '\\"').replace("\u202e", ""), "a" * 60 + "/" + "b" * 60
    messages = f'messages:\n  - role: user\n    content: "{quoted}"\n'
    new_repository.tag(name, "1.0.0", messages)
    new_repository.tag("summarize", "1.3.0", f'name: "{quoted}"\n{messages}')
    api = serve(source=new_repository).api
    for prompt, version in ((name, "1.0.0"), ("summarize", "1.0.0")):
        assert api.act("promote", prompt, {"version": version, "reason": HOSTILE}).status == 200
    api.act("start", "summarize", {"version": "1.3.0", "reason": HOSTILE})
    page = enter(api, "/console/e/production", viewport={"width": 380, "height": 800})
    for path in (
        "/e/production", "/e/production/prompts/summarize", f"/e/production/prompts/{name}", "/prompts",
        "/system",
        "/diff/summarize?old=1.0.0&new=1.3.0", "/versions/1.3.0/prompts/summarize", "/e/production/history",
        "/e/production/actions/rollback/summarize", "/e/production/actions/promote/summarize",
        "/e/production/rollback", "/e/production/rollouts/summarize",
    ):  # fmt: skip
        page.goto(f"{api.url}/console{path}")
        assert page.evaluate("window.hurt") is None, path
        assert page.locator("main img, main script").count() == 0, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 380, path


def test_all_of_it_by_keyboard(enter: Callable[..., Page], api: Api, environment: str) -> None:
    """From the skip link on; what has the focus can be seen."""
    page = enter(api, under_way(api, environment))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.get_by_role("link", name="Roll back…").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/rollback"))
    page.get_by_label("Why").first.focus()
    page.keyboard.type("by hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/prompts/summarize"))
    assert api.state("summarize", environment)["rollout"] is None


def test_review_by_single_keys(enter: Callable[..., Page], registry: Registry, reviewed: str) -> None:
    """Good, bad, what it should have been, left to others, and whether it becomes a case.

    While a reason is typed they are letters.
    """
    app = There(registry.api, reviewed)
    ada = reviewer(registry, app)
    queued(app, ada, 4)
    page = enter(ada.api, f"/console/e/{reviewed}/review", viewport={"width": 380, "height": 800})
    expect(page.get_by_role("button", name="Review the next one")).to_be_visible()
    page.keyboard.press("n")
    page.get_by_label("Why").fill("bgen")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.keyboard.press("g")
    expect(page.get_by_text("You said good.")).to_be_visible()
    page.keyboard.press("b")
    expect(page.get_by_text("You said bad; it becomes a case with")).to_be_visible()
    page.evaluate(AXE)
    assert violations(page, "light") == []
    assert violations(page, "dark", COLOURS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.keyboard.press("e")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("It is late.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("1 waits.")).to_be_visible()
    page.keyboard.press("n")
    expect(page.get_by_text("1 waits.")).to_be_visible()
    said = [(one["verdict"], one["note"], one["expected"], one["case"]) for one in ada.get("labels")["data"]]
    assert said == [
        ("bad", None, "It is late.", True),
        ("bad", None, None, True),
        ("good", "bgen", None, False),
    ]


def test_times_are_the_readers_own(enter: Callable[..., Page], api: Api, environment: str) -> None:
    """With UTC where it is pointed at."""
    where = under_way(api, environment)
    page = enter(api, where, timezone_id="Asia/Tokyo", locale="en-GB")
    time = page.locator("main time").first
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time.get_attribute("title") or "")
    style = "{dateStyle: 'medium', timeStyle: 'medium', timeZone: 'Asia/Tokyo'}"
    told = page.evaluate(
        f"time => new Date(time).toLocaleString('en-GB', {style})",
        time.get_attribute("datetime"),
    )
    expect(time).to_have_text(told)


def test_a_day_that_is_picked_is_the_readers_own(
    enter: Callable[..., Page], api: Api, environment: str
) -> None:
    """As the times are that stand beside it."""
    page = enter(api, f"/console/e/{environment}/history", timezone_id="Asia/Tokyo")
    page.fill("#since", "2026-03-01")
    page.fill("#until", "2026-03-02")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/history?*")

    asked = parse_qs(urlsplit(page.url).query)
    assert asked["since_at"] == ["2026-02-28T15:00:00.000Z"]
    assert asked["until_at"] == ["2026-03-02T14:59:59.999Z"]
    assert page.input_value("#until") == "2026-03-02"


def test_plots_are_drawn(enter: Callable[..., Page], api: Api, environment: str) -> None:
    """Each has its line, and a table below has the same numbers."""
    page = enter(api, under_way(api, environment) + "/usage?by=version&span=24h")
    expect(page.locator(".plot canvas")).to_have_count(4)
    expect(page.get_by_role("rowheader", name="1.1.0", exact=True)).to_be_visible()


def test_an_update_without_redis(
    enter: Callable[..., Page], serve: Callable[..., Registry], valkey: Any
) -> None:
    """The page stays, says what is wrong with the registry, and a rollback goes through."""
    registry = serve(redis_url=valkey.url)
    registry.api.act("promote", "summarize", {"version": "1.0.0"})
    registry.api.act("promote", "summarize", {"version": "1.1.0"})
    page = enter(registry.api, "/console/e/production")
    valkey.kill()
    page.get_by_role("link", name="Roll back…").first.click()
    page.get_by_role("button", name=re.compile("Roll back to 1.0.0")).click()
    page.wait_for_url(re.compile("/prompts/summarize"))
    page.goto(f"{registry.api.url}/console/e/production")
    expect(page.get_by_role("link", name="redis", exact=True)).to_be_visible()
