"""Review in the console: one call at a time, and what judges said only afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from outcomes_in import record
from service.test_calls import There
from service.test_review import queued, reviewer
from support import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from console.pages_over_http import Browser, Page
    from support import Api, Registry


@pytest.fixture
def app(api: Api, reviewed: str) -> There:
    """An environment in which content is kept."""
    return There(api, reviewed)


@pytest.fixture
def ada(browse: Callable[..., Browser], reviewed: str) -> Browser:
    """The browser of a reviewer."""
    return browse(f"reviewer of {reviewed}", "review")


def take(browser: Browser, environment: str) -> Page:
    """The next call that waits."""
    where = f"/console/e/{environment}/review"
    return browser.submit(where, f"{where}/next")


def test_from_the_queue_to_a_label(registry: Registry, app: There, ada: Browser, reviewed: str) -> None:
    """The content is shown and the score is not, until something was said; the next one comes by itself."""
    first, second = queued(app, reviewer(registry, app), 2)
    page = take(ada, reviewed)
    assert "Where is it?" in page.text
    assert "A user said: down, wrong" in page.text
    call = first if first in page.html else second
    action = f"/console/e/{reviewed}/review/{call}/label"
    said = {"verdict": "edit", "expected": "Look <here>.", "note": "it was night", "tags": "weather"}
    after = ada.post(action, page.fields(action) | said)
    assert "You said bad; it becomes a case with promptstage cases pull" in after.text
    assert "No judge has scored it." in after.text
    assert (second if call == first else first) in after.html
    (label,) = reviewer(registry, app).get("labels")["data"]
    assert (label["verdict"], label["expected"], label["note"]) == ("bad", "Look <here>.", "it was night")
    assert (label["tags"], label["case"]) == (["weather"], True)
    assert "it was night" in ada.get(f"/console/e/{reviewed}/review").text


def test_a_call_with_its_content(registry: Registry, app: There, ada: Browser, reviewed: str) -> None:
    """What was given and answered is read as text, once it was asked for."""
    (call,) = queued(app, reviewer(registry, app))
    where = f"/console/e/{reviewed}/calls/{call}"
    page = ada.get(where)
    assert (page.status, "Where is it?" in page.text) == (200, False)
    shown = ada.get(next(link for link in page.links if "content=true" in link)).text
    assert "Given text Where is it? Answered " in shown
    assert "Nothing was kept" not in shown
    assert "All that was kept, as JSON { &#34;" not in shown


def test_a_call_is_left_to_others(registry: Registry, app: There, ada: Browser, reviewed: str) -> None:
    """And comes again behind the others; where nothing is left, the page says what brings more."""
    (call,) = queued(app, reviewer(registry, app))
    form = take(ada, reviewed).fields(f"/console/e/{reviewed}/review/{call}/label")
    ada.post(f"/console/e/{reviewed}/review/{call}/skip", form)
    done = ada.post(f"/console/e/{reviewed}/review/{call}/label", form | {"verdict": "good"})
    assert "You said good; it becomes a case" in done.text
    assert "Nothing waits." in done.text


def test_what_another_has_labelled_is_not_said_twice(
    registry: Registry, app: There, ada: Browser, reviewed: str
) -> None:
    """The second person is told, and gets the next one."""
    other = reviewer(registry, app)
    (call,) = queued(app, other)
    other.post(f"review/{call}/claim", {})
    other.post(f"review/{call}/label", {"verdict": "bad"})
    form = ada.get(f"/console/e/{reviewed}/review").fields("/console/logout")
    page = ada.post(f"/console/e/{reviewed}/review/{call}/label", form | {"verdict": "good"})
    assert "It was not kept:" in page.text


def test_who_may_not_review_sees_no_content(
    browser: Browser, app: There, registry: Registry, reviewed: str
) -> None:
    """An admin's token does not have the right; the page says so."""
    queued(app, reviewer(registry, app))
    assert f"/console/e/{reviewed}/review" not in browser.get(f"/console/e/{reviewed}").links
    page = browser.get(f"/console/e/{reviewed}/review")
    assert page.status == 403
    assert "needs the role review" in page.text
    assert "Where is it?" not in page.html


def test_a_call_of_which_little_is_known(browser: Browser, app: There, reviewed: str) -> None:
    """It is listed and shown, whatever its app left out."""
    call = record()
    known = {key: call[key] for key in ("id", "at")}
    app.send(known)
    where = f"/console/e/{reviewed}/calls"
    until(lambda: call["id"] in browser.get(where).html, "the call")
    assert browser.get(f"{where}/{call['id']}").status == 200
