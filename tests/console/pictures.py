"""Take the pictures of the console that the documentation shows, of what `make run` serves.

Look at each of them before they are committed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/images"
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


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for width in WIDTHS:
            _take(browser, width)
        browser.close()


def _take(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="light")
    page.goto(f"{URL}/console/login")
    page.screenshot(path=FOLDER / f"login-{width}.png")
    page.get_by_label("Token").fill((ROOT / ".run/data/admin.token").read_text().strip())
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    for name, path in PAGES.items():
        page.goto(f"{URL}/console/{path}")
        page.wait_for_timeout(DRAWN_MS)
        page.screenshot(path=FOLDER / f"{name}-{width}.png", full_page=name != "calls")


if __name__ == "__main__":
    main()
