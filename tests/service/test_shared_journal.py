"""Registries with data folders of their own over one journal elsewhere, as on several machines."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from threading import Event
from typing import TYPE_CHECKING

import pytest
from support import Api, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import PromptRepository, Registry, Valkey

    Serve = Callable[..., Registry]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """An empty bare repository."""
    path = tmp_path / "journal.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    return path


@pytest.fixture
def two(serve: Serve, journal: Path, valkey: Valkey, tmp_path: Path) -> tuple[Registry, Registry]:
    """Two registries with folders of their own; the second one's operator has the first admin's token."""
    first = serve("one", journal=str(journal), redis_url=valkey.url)
    (tmp_path / "two").mkdir()
    (tmp_path / "two/admin.token").write_text(first.api.token)
    return first, serve("two", journal=str(journal), redis_url=valkey.url)


def test_what_one_takes_the_other_serves(two: tuple[Registry, Registry]) -> None:
    """Changes, tokens and what was asked for before are the same wherever one asks."""
    first, second = two
    made = first.api.act("promote", "summarize", {"version": "1.0.0"}, Idempotency_Key="k")
    again = second.api.act("promote", "summarize", {"version": "1.0.0"}, Idempotency_Key="k")

    assert (made.status, made.json["seq"]) == (again.status, again.json["seq"]) == (200, 1)
    assert second.api.act("promote", "summarize", {"version": "1.1.0"}).json["seq"] == 2
    until(lambda: first.api.state("summarize")["seq"] == 2, "the first one to follow")
    etag = f'"{made.json["epoch"]}.1"'
    stale = first.api.act("promote", "summarize", {"version": "1.2.0"}, If_Match=etag)
    assert stale.status == 412
    token = second.api.call("POST", "/v1/tokens", {"name": "app", "role": "reader"}).json
    bearer = f"Bearer {token['secret']}"
    until(lambda: first.api.get("/v1/prompts", Authorization=bearer).status == 200, "the token")
    assert second.api.call("DELETE", f"/v1/tokens/{token['id']}").status == 200
    until(lambda: first.api.get("/v1/prompts", Authorization=bearer).status == 401, "its end")


def test_a_version_has_the_bytes_under_which_it_was_staged_first(
    serve: Serve, journal: Path, valkey: Valkey, new_repository: PromptRepository, tmp_path: Path
) -> None:
    """Somebody moved the tag between two first looks: whoever stages it later takes what was staged."""
    first = serve("one", new_repository, journal=str(journal), redis_url=valkey.url)
    new_repository.git("tag", "--delete", "summarize/v1.0.0")
    new_repository.tag("summarize", "1.0.0", "messages: [{role: user, content: moved}]\n")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/admin.token").write_text(first.api.token)
    second = serve("two", new_repository, journal=str(journal), redis_url=valkey.url)
    path = "/v1/prompts/summarize/versions/1.0.0"
    assert first.api.get(path).json["digest"] != second.api.get(path).json["digest"]
    valkey.kill()  # so that the second one does not know of it before it writes

    staged = first.api.act("promote", "summarize", {"version": "1.0.0"}).json["state"]["stable"]
    later = second.api.act("promote", "summarize", {"version": "1.0.0"}, "staging").json["state"]["stable"]

    assert later["digest"] == staged["digest"]
    release = second.api.get("/v1/environments/staging/releases/summarize").json
    assert release["versions"]["1.0.0"]["digest"] == staged["digest"]
    valkey.start()  # which the fixture ends


def test_cut_off_from_it_a_registry_serves_what_the_others_change(
    two: tuple[Registry, Registry], journal: Path
) -> None:
    """Redis tells it; but it takes no change, and says why, until it finds the journal again by itself."""
    first, second = two
    first.api.act("promote", "summarize", {"version": "1.0.0"})
    hidden = second.data / "journal.git/config"
    address = f'[url "/nowhere"]\n\tinsteadOf = {journal}\n'
    before = hidden.read_text()
    hidden.write_text(before + address)
    assert first.api.act("promote", "summarize", {"version": "1.1.0"}).json["applied"] is True
    until(lambda: second.api.state("summarize")["seq"] == 2, "Redis to tell")
    refused = second.api.act("promote", "summarize", {"version": "1.0.0"})

    assert (refused.status, refused.json["code"]) == (503, "journal_unreachable")
    resolved = until(lambda: second.api.get("/v1/environments/production/resolve/summarize?key=u").json, "it")
    assert resolved["version"] == "1.1.0"
    until(lambda: "cannot be reached" in second.api.get("/readyz").json["journal"], "the trouble to be told")
    hidden.write_text(before)
    until(lambda: second.api.get("/readyz").json["journal"] == "ok", "its end")
    assert second.api.act("promote", "summarize", {"version": "1.0.0"}).json["seq"] == 3


def test_the_history_of_a_change_that_redis_told_of(two: tuple[Registry, Registry]) -> None:
    """Whoever asks at once waits until the journal's copy has it too."""
    first, second = two
    for turn in range(4):
        seq = first.api.act("promote", "summarize", {"version": f"1.{turn % 2}.0"}).json["seq"]
        until(lambda: second.api.state("summarize")["seq"] == seq, "Redis to tell")  # noqa: B023 - called at once
        history = second.api.get("/v1/environments/production/rollouts/summarize/history")

        assert (history.status, history.json["data"][0]["seq"]) == (200, seq)


def test_one_that_writes_all_the_time_lets_the_other_write(two: tuple[Registry, Registry]) -> None:
    """It has nothing to fetch, and so would be faster each time."""
    first, second = two
    over = Event()

    def write() -> None:
        with closing(Api(first.url, first.api.token)) as api:
            for turn in count():
                if over.is_set():
                    return
                assert api.act("promote", "summarize", {"version": f"1.{turn % 2}.0"}).status == 200

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(write)
        until(lambda: second.api.state("summarize").get("seq", 0) > 2, "the first one's changes")
        made = [
            second.api.act("promote", "summarize", {"version": version}, "staging").status
            for version in ("1.0.0", "1.1.0") * 5
        ]
        over.set()
        busy.result()

    assert made == [200] * 10
