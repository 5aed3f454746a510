"""A browser without scripts: it keeps a cookie, follows where it is sent, and sends forms."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 15.0


class Page:
    """What a browser was shown."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.html = response.data.decode()

    @property
    def text(self) -> str:
        """The words, on one line."""
        bare = re.sub(r"<(script|style|title).*?</\1>|<[^>]*>", " ", self.html, flags=re.DOTALL)
        return re.sub(r"\s+", " ", unescape(bare)).strip()

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return [unescape(link) for link in re.findall(r'<a [^>]*href="([^"]*)"', self.html)]

    def fields(self, action: str) -> dict[str, str]:
        """The fields of the form that goes to an address, as they are filled in."""
        forms = _Forms()
        forms.feed(self.html)
        return forms.found[action]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}
        self._form: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a form, or note a field of it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.found.setdefault(given["action"], {})
        elif tag == "input" and self._form is not None and _is_sent(given):
            self._form[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """End a form."""
        if tag == "form":
            self._form = None


def _is_sent(given: dict[str, str]) -> bool:
    return "name" in given and (given.get("type") not in {"checkbox", "radio"} or "checked" in given)


class Browser:
    """One browser at one registry."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self._pool = urllib3.PoolManager(retries=False, timeout=PATIENCE)

    def get(self, path: str, **headers: str) -> Page:
        """Ask for a page; headers are written with underscores."""
        return self._send("GET", path, None, headers)

    def post(self, path: str, form: Mapping[str, str], **headers: str) -> Page:
        """Send a form."""
        return self._send("POST", path, form, headers)

    def send_file(self, path: str, content: bytes, **headers: str) -> Page:
        """Send a file as it is."""
        return self._send("POST", path, content, headers)

    def follow(self, page: Page) -> Page:
        """Go where an answer leads."""
        assert page.status in {303, 307}, page.text
        return self.get(page.headers["Location"])

    def log_in(self, token: str) -> Page:
        """Log in."""
        return self.post("/console/login", {"token": token})

    def submit(self, path: str, action: str, **filled: str) -> Page:
        """Open a page, fill in its form, and send it."""
        page = self.get(path)
        assert page.status == 200, page.text
        return self.post(action, page.fields(action) | filled)

    def _send(
        self, method: str, path: str, form: Mapping[str, str] | bytes | None, headers: Mapping[str, str]
    ) -> Page:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            body = form if isinstance(form, bytes) else urlencode(form).encode()
            kind = "application/json" if body is form else "application/x-www-form-urlencoded"
            sent.setdefault("Content-Type", kind)
        answer = self._pool.request(method, self.url + path, body=body, headers=sent, redirect=False)
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return Page(answer)

    def close(self) -> None:
        """End its connections."""
        self._pool.clear()
