"""Data folders and clients of earlier versions work with this one; `0.1.0/` holds what that one made.

`data-0.1.0.tar.gz` is the data folder of its `make run`: states in two environments, a rollout that was
advanced and then paused, four tokens of which one is revoked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import Api, PromptRepository, Registry, promptstage, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OLD = Path(__file__).parent / "0.1.0"
CLIENT = OLD / "promptstage-0.1.0-py3-none-any.whl"
READER = "ps_TAP0juC-DzBDRD_GPxBSCBBxeerHPqZ6xpqdZodtshc"  # a token of that folder, in production

# An app: says what it gets for each line that it reads.
APP = """
import json, sys
sys.path.insert(0, sys.argv[1])
import promptstage
assert promptstage.__file__.startswith(sys.argv[1]), promptstage.__file__
url, token, folder = sys.argv[2:]
with promptstage.Client(url, token=token, prompts=["summarize"], snapshot_dir=folder) as client:
    print(json.dumps(client.ready(10)), flush=True)
    for line in sys.stdin:
        prompt = client.get("summarize", key=line.strip())
        error = client.status()["prompts"]["summarize"]["error"]
        text = prompt.text(text="it is dark", tone="dry")
        print(json.dumps([prompt.version, prompt.source, prompt.arm, error, text]), flush=True)
"""


SECOND_EDITION = """\
template: mustache
messages:
  - {role: user, content: "Summarize {{text}}{{#tone}} in a {{tone}} tone{{/tone}}"}
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """This version on the folder of the earlier one, upgraded, with a repository that has two more tags."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(OLD / "data-0.1.0.tar.gz") as packed:
        packed.extractall(folder, filter="data")
    repository = PromptRepository(folder / "repository")
    repository.tag("summarize", "1.4.0")
    repository.tag("summarize", "1.5.0", SECOND_EDITION)
    started = Registry(repository.path, folder / "data")
    body: dict[str, object] = {"version": "1.5.0", "force": True}
    refused = started.api.act("promote", "summarize", body, "staging")
    assert (refused.status, refused.json["code"]) == (409, "older_format")
    assert started.stop() == 0, started.log
    upgrade = refused.json["detail"].rpartition(": promptstage ")[2].split()
    subprocess.run([*promptstage(), *upgrade, "--data", str(folder / "data"), "--yes"], check=True)
    started = Registry(repository.path, folder / "data")
    yield started
    assert started.stop() == 0, started.log


def test_a_data_folder_opens(registry: Registry) -> None:
    """States, tokens and history are there, and a change goes on from them."""
    state = registry.api.state("summarize")
    reader = Api(registry.url, READER)

    assert (state["stable"]["version"], state["rollout"]["candidate"]["version"]) == ("1.2.0", "1.3.0")
    assert (state["rollout"]["step"], state["rollout"]["state"]) == (1, "paused")
    assert registry.api.state("support/triage", "staging")["stable"]["version"] == "2.0.0"
    assert reader.get("/v1/environments/production/releases/summarize").status == 200
    assert reader.get("/v1/environments/staging/releases/summarize").status == 403
    tokens = registry.api.get("/v1/tokens").json["data"]
    assert {token["name"] for token in tokens if token.get("revoked_at") is None} >= {"checkout", "grace"}
    history = registry.api.get("/v1/environments/production/rollouts/summarize/history").json["data"]
    assert [change["op"] for change in history] == ["pause", "advance", "start", "promote", "promote"]
    assert registry.api.act("resume", "summarize").status == 200


@contextmanager
def client_of_0_1_0(registry: Registry, folder: Path) -> Iterator[Callable[[str], list[str]]]:
    """An app with such a client; yields what asks it for a key."""
    command = [sys.executable, "-c", APP, str(CLIENT), registry.url, READER, str(folder)]
    environment = {**os.environ, "PYTHONPATH": ""}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as app:
        keys, answers = app.stdin, app.stdout
        assert keys
        assert answers

        def ask(key: str) -> list[str]:
            keys.write(f"{key}\n")
            keys.flush()
            return list(json.loads(answers.readline()))

        assert answers.readline() == "true\n"
        yield ask
        keys.close()


def test_a_client_of_0_1_0_follows(registry: Registry, tmp_path: Path) -> None:
    """It becomes ready, decides, and has a change as soon as it was made."""
    with client_of_0_1_0(registry, tmp_path) as ask:
        assert {ask(f"user-{n}")[0] for n in range(40)} == {"1.2.0", "1.3.0"}
        assert registry.api.act("promote", "summarize").status == 200
        until(lambda: ask("user-1")[:3] == ["1.3.0", "live", "stable"], "the promote")


def test_a_client_of_0_1_0_refuses_the_second_edition(registry: Registry, tmp_path: Path) -> None:
    """It says so, keeps the release before and renders it; and the registry knows of it."""
    with client_of_0_1_0(registry, tmp_path) as ask:
        before = ask("user-1")
        body: dict[str, object] = {"version": "1.5.0"}
        refused = registry.api.act("promote", "summarize", body).json
        assert (refused["code"], refused["clients"]) == ("clients_too_old", 1)
        assert registry.api.act("promote", "summarize", {**body, "force": True}).status == 200

        kept = until(lambda: (answer := ask("user-1"))[3] and answer, "the release to be refused")
        assert kept[3] == "not a release: KeyError: 'content'"
        assert (kept[0], kept[4]) == (before[0], before[4])
        assert registry.api.act("promote", "summarize", {"version": "1.4.0"}).status == 200
        until(lambda: ask("user-1")[0] == "1.4.0", "what it can read")


def test_a_client_of_0_1_0_reads_what_is_recent_besides(registry: Registry, tmp_path: Path) -> None:
    """Among it a version of the second edition, which it would refuse: it is not sent that one."""
    registry.api.act("promote", "summarize")  # completes the rollout, if another test has not
    for version in ("1.5.0", "1.4.0"):
        body: dict[str, object] = {"version": version, "force": True}
        assert registry.api.act("promote", "summarize", body).status == 200
    path = "/v1/environments/production/releases/summarize"
    sent = [registry.api.get(f"{path}{query}").json["recent"] for query in ("", "?edition=2")]
    with client_of_0_1_0(registry, tmp_path) as ask:
        assert ask("user-1")[:4] == ["1.4.0", "live", "stable", None]

    assert ("1.5.0" in sent[0], "1.5.0" in sent[1]) == (False, True)
