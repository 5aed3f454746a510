"""OpenFeature's providers for JavaScript, unmodified, at a real registry; and the protocol's own document.

`make platforms` installs what this needs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ofrep_document
import pytest
from pages.markdown import blocks
from playwright.sync_api import sync_playwright
from support import PATIENCE, PromptRepository, Registry, until

from promptstage.evaluation import decide
from promptstage.model import parse_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route

MODULES = os.environ.get("PROMPTSTAGE_NODE", "")
SCHEMATHESIS = os.environ.get("PROMPTSTAGE_SCHEMATHESIS", "")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PROGRAMS = Path(__file__).parent / "openfeature"
KEYS = 10_000
PAGE = "docs/integrations/openfeature.md"
FLAG = "discount-banner"
"""The example's key in the protocol's document."""
NOT_CHECKED = (
    # It demands a key always. A request without one is evaluated where nothing is split.
    "negative_data_rejection",
    # It takes an empty key for one. Where there is a split, that is TARGETING_KEY_MISSING.
    "positive_data_acceptance",
)

needs_node = pytest.mark.skipif(not MODULES, reason="`make platforms` installs the packages")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with one prompt in the middle of a rollout, and one that has none."""
    folder = tmp_path_factory.mktemp("openfeature")
    repository = PromptRepository(folder / "repository")
    for version in ("1.0.0", "1.1.0"):
        repository.tag(FLAG, version)
    repository.tag("support/triage", "1.0.0")
    config = folder / "rules.toml"
    config.write_text("[protocols]\nofrep = true\n")
    started = Registry(repository.path, folder / "data", config=str(config))
    for name in (FLAG, "support/triage"):
        assert started.api.act("promote", name, {"version": "1.0.0"}).status == 200
    begun = started.api.act("start", FLAG, {"version": "1.1.0", "steps": [{"percent": 20}, {"percent": 100}]})
    assert begun.status == 200
    yield started
    assert started.stop() == 0, started.log


def ask(registry: Registry, *questions: dict[str, Any], url: str = "") -> list[Any]:
    """Ask an app on Node."""
    program = shutil.copy(PROGRAMS / "server.mjs", Path(MODULES).parent)  # Node looks for packages beside it
    done = subprocess.run(
        ["node", program, url or registry.url, registry.api.token],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@needs_node
def test_ten_thousand_keys_are_on_the_arms_of_our_own_client(registry: Registry) -> None:
    """With a split of 20 percent."""
    release = parse_release(registry.api.get(f"/v1/environments/production/releases/{FLAG}").json)
    keys = [f"user-{number}" for number in range(KEYS)]

    found = ask(registry, *({"key": FLAG, "context": {"targetingKey": key}} for key in keys))

    assert [one["variant"] for one in found] == [decide(release, key).arm for key in keys]
    assert {one["variant"] for one in found} == {"canary", "control", "stable"}


@needs_node
def test_a_server_never_fails(registry: Registry) -> None:
    """Whatever is wrong, it gets its default, and the reason."""
    key = {"targetingKey": "u1"}
    found = ask(
        registry,
        {"key": FLAG, "context": {}},
        {"key": "unknown", "context": key},
        {"key": FLAG, "context": key, "kind": "String"},
        {"key": "support/triage", "context": {}},
    )
    (gone,) = ask(registry, {"key": FLAG, "context": key}, url="http://127.0.0.1:1")

    assert [one.get("errorCode") for one in found] == [
        "TARGETING_KEY_MISSING",
        "FLAG_NOT_FOUND",
        "TYPE_MISMATCH",
        None,
    ]
    assert (found[-1]["flagMetadata"]["version"], gone["errorCode"]) == ("1.0.0", "GENERAL")


@needs_node
def test_the_pages_lines_get_a_prompt(registry: Registry) -> None:
    """As an app's own program."""
    lines, _ = (block.text for block in blocks(PAGE, "javascript"))
    program = Path(MODULES).parent / "page.mjs"
    program.write_text(
        f"const token = '{registry.api.token}';\n"
        + lines.replace("http://127.0.0.1:8000", registry.url).replace("'summarize'", "'support/triage'")
        + "\nconsole.log(version, messages[0].content);\n"
    )
    done = subprocess.run(["node", str(program)], capture_output=True, text=True, check=False)

    assert done.stdout == "1.0.0 support/triage 1.0.0: {{text}}\n", done.stderr


@pytest.fixture
def page(registry: Registry) -> Iterator[Page]:
    """A page of an app, on the origin of the registry: an app's own server forwards to it."""

    def serve(route: Route) -> None:
        path = route.request.url.removeprefix(f"{registry.url}/modules/")
        route.fulfill(path=Path(MODULES) / path.partition("?")[0], content_type="text/javascript")

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.route("**/modules/**", serve)
        opened.route("**/app", lambda route: route.fulfill(path=PROGRAMS / "page.html"))
        opened.goto(f"{registry.url}/app")
        opened.wait_for_function("window.become !== undefined", timeout=PATIENCE * 1000)
        yield opened
        browser.close()


@needs_node
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_hears_of_a_change(registry: Registry, page: Page) -> None:
    """It evaluates all prompts at its start, and again when the stream says so; without a request a get."""
    release = parse_release(registry.api.get(f"/v1/environments/production/releases/{FLAG}").json)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))

    page.evaluate("args => begin(...args)", [registry.url, registry.api.token, "u1"])
    for number in range(20):
        key = f"user-{number}"
        page.evaluate("key => become(key)", key)
        assert page.evaluate("key => details(key)", FLAG)["variant"] == decide(release, key).arm
    streams = [url for url in sent if "/events?" in url]
    before = len(sent)
    page.evaluate("key => { for (let i = 0; i < 1000; i++) details(key) }", FLAG)
    assert len([url for url in sent[before:] if "/evaluate/" in url]) <= 1  # the first notice, of the stream

    assert registry.api.act("promote", FLAG, {"version": "1.1.0"}).status == 200

    def is_told() -> bool:
        page.wait_for_timeout(20)
        version: str = page.evaluate("key => details(key)", FLAG)["flagMetadata"]["version"]
        return version == "1.1.0"

    until(is_told, "the page to hear of it")
    # Of two notices in a row the second finds nothing more.
    until(lambda: [FLAG] in page.evaluate("seen"), "the event")
    assert len(streams) == 1  # whatever the context: it has the same address


@pytest.mark.skipif(not SCHEMATHESIS, reason="`make platforms` installs schemathesis")
def test_the_protocols_document_holds(registry: Registry, tmp_path: Path) -> None:
    """Every answer is one that it describes."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(ofrep_document.document()))
    done = subprocess.run(
        [
            *(SCHEMATHESIS, "run", str(file), "--url", registry.url, "--max-examples", "200"),
            *("--header", f"Authorization: Bearer {registry.api.token}"),
            *("--exclude-checks", ",".join(NOT_CHECKED), "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "only 401/403" not in done.stdout
