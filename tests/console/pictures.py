"""Take the pictures of the console that the documentation shows, of what `make run` serves.

Look at each of them before they are committed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/images"
REPORTS = ROOT / ".run/prompts/.promptstage/reports"
URL = f"http://127.0.0.1:{os.environ.get('PROMPTSTAGE_PORT', '8000')}"
WIDTHS = (1400, 380)
DRAWN_MS = 500  # until plots are drawn and times are local
E = "e/production"
PAGES = {
    "overview": E,
    "prompts": "prompts",
    "prompt": f"{E}/prompts/summarize",
    "version": "versions/1.3.0/prompts/summarize",
    "difference": "diff/summarize?old=1.2.0&new=1.3.0",
    "start": f"{E}/actions/start/support/reply?version=2.0.0",
    "rollout": f"{E}/rollouts/summarize",
    "rollback": f"{E}/rollback",
    "approvals": f"{E}/approvals",
    "history": f"{E}/history",
    "change": f"{E}/changes/17?prompt=summarize",
    "usage": f"{E}/usage?by=version&span=1h",
    "calls": f"{E}/calls",
    "explain": f"{E}/explain/summarize",
    "system": "system",
}


SUITE = "versions/2.0.2/prompts/support/triage"


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width in WIDTHS:
            take(browser, width)
        browser.close()


def take(browser: Browser, width: int, scheme: Literal["light", "dark"] = "light", to: Path = FOLDER) -> None:
    """Take the pictures of one width and scheme, as an admin and as a reviewer."""

    def keep(name: str) -> None:
        page.wait_for_timeout(DRAWN_MS)
        page.screenshot(path=to / f"{name}-{width}.png", full_page=name != "calls")

    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{URL}/console/login")
    keep("login")
    _log_in(page, "admin")
    for name, path in PAGES.items():
        page.goto(f"{URL}/console/{path}")
        keep(name)
    page.goto(f"{URL}/console/{SUITE}")
    page.get_by_label("Open a report").set_input_files(max(REPORTS.iterdir(), key=os.path.getmtime))
    page.get_by_role("heading", name="The report").wait_for()
    keep("suite")
    page.context.clear_cookies()
    page.goto(f"{URL}/console/login")
    _log_in(page, "reviewer")
    page.goto(f"{URL}/console/{E}/review")
    page.keyboard.press("n")
    keep("review")
    _open_call(page)
    keep("call")
    page.close()


def _log_in(page: Page, name: str) -> None:
    page.get_by_label("Token").fill((ROOT / f".run/data/{name}.token").read_text().strip())
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def _open_call(page: Page) -> None:
    """Open a call of which content was kept, and its content."""
    page.goto(f"{URL}/console/{E}/calls?flag=made_up_promise")
    links = page.locator("td:first-child a").evaluate_all("links => links.map((link) => link.href)")
    show = page.get_by_role("link", name="Show what was written")
    next(link for link in links if page.goto(link) and show.count())
    show.click()


if __name__ == "__main__":
    main()
