"""Secrets that a registry is given or makes: they are looked for everywhere that anybody else may look."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from faults.scenario import Result, at_least
from git_hosts import HttpHost, http_host
from support import Api, PromptRepository, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator

WEBHOOK = "whsecret-7f3a9c51e2b84d06"
PASSWORD = "gitsecret-5d2e8b70c1f94a36"
WRONG = "gitsecret-wrong-90b1c2d3e4f5"
READS = (
    "/readyz", "/metrics", "/openapi.json", "/v1/catalog", "/v1/doctor", "/v1/tokens", "/v1/prompts",
    "/v1/prompts/summarize/versions", "/v1/prompts/nothing/versions/1.0.0",
    "/v1/environments/production/rollouts", "/v1/environments/production/clients",
    "/v1/environments/production/rollouts/summarize/history",
)  # fmt: skip


class Processes:
    """What the list of processes shows while git works for the registry, environments too."""

    def __init__(self, host: HttpHost) -> None:
        host.during = self._look
        self.seen = b""
        self.looks = 0

    def _look(self) -> None:
        self.looks += 1
        for process in Path("/proc").glob("[0-9]*"):
            if int(process.name) != os.getpid():
                for name in ("cmdline", "environ"):
                    try:
                        self.seen += (process / name).read_bytes()
                    except OSError:
                        continue


def prove(*, full: bool) -> Iterator[Result]:
    """Serve a private repository with webhooks and tokens, well and badly, and look."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        author = PromptRepository(folder / "repositories/prompts")
        author.tag("summarize", "1.0.0")
        host = stack.enter_context(http_host(folder / "repositories", f"user:{PASSWORD}"))
        processes = Processes(host)
        files = {name: folder / name for name in ("webhook", "token")}
        files["webhook"].write_text(WEBHOOK)
        files["token"].write_text(f"user:{PASSWORD}")
        registry = Registry(
            f"{host.url}/prompts/.git",
            folder / "data",
            poll_seconds="0.2",
            log_format="json",
            webhook_secret_file=str(files["webhook"]),
            git_token_file=str(files["token"]),
        )
        stack.callback(registry.stop)
        said, made = _use(registry, files["token"])
        held = said + registry.log.encode() + _stored(registry.data)
    secrets = [WEBHOOK, PASSWORD, WRONG, registry.api.token, made]
    shown = {"answers, logs, journal and mirror": held, "the list of processes": processes.seen}
    for where, text in shown.items():
        wrong = sum(text.count(secret.encode()) for secret in secrets)
        blind = "" if b"prompts/.git" in text else "not even the repository's address was seen"
        yield at_least(Result(where, processes.looks, wrong=wrong, note=f"{len(text)} bytes", void=blind), 3)


def _use(registry: Registry, token_file: Path) -> tuple[bytes, str]:
    """Ask for everything, make mistakes, and bring about errors; what was answered, and a token's secret."""
    api, stranger = registry.api, Api(registry.url, "ps_" + "x" * 43)
    said = [api.act("promote", "summarize", {"version": "1.0.0", "reason": "first"}).text]
    made = api.call("POST", "/v1/tokens", {"name": "app", "role": "reader"}).json["secret"]
    other = Api(registry.url, made)
    for caller in (api, other, stranger):
        said += [caller.get(path).text for path in READS]
    for signature in (f"sha256={WEBHOOK}", WEBHOOK):
        said.append(api.call("POST", "/v1/webhooks", b"{}", X_Hub_Signature_256=signature).text)
    said.append(api.call("POST", "/v1/webhooks", b"{}", X_Gitlab_Token=WEBHOOK).text)
    token_file.write_text(f"user:{WRONG}")
    until(lambda: api.get("/v1/catalog").json["error"], "a complaint")
    for caller in (api, other):
        said += [caller.get(path).text for path in READS]
        caller.close()
    stranger.close()
    return "".join(said).encode(), made


def _stored(data: Path) -> bytes:
    """Everything in the data folder but the admin's token, with git's objects unpacked."""
    files = (path for path in data.rglob("*") if path.is_file() and path.name != "admin.token")
    found = [path.read_bytes() for path in files]
    for repository in ("journal.git", "mirror.git"):
        command = ["git", f"--git-dir={data / repository}", "cat-file", "--batch", "--batch-all-objects"]
        found.append(subprocess.run(command, capture_output=True, check=True).stdout)
    return b"".join(found)
