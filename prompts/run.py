"""What `make run` does: build the sample repository, serve it, and stage a canary the first time.

Two apps of the demo then summarize threads all the time, with a stand-in for a model, so that there is
something to see. What they log is in ``.run/web-1.log`` and ``.run/web-2.log``.

Everything lives in ``.run``; remove that folder to start over. ``PROMPTSTAGE_PORT`` chooses another
port than 8000; other settings of the service in the environment are left out, so that the sample
never meets a real installation.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3

from prompts import answers
from prompts.build import build

if TYPE_CHECKING:
    from types import FrameType

RUN = Path(".run")
REPOSITORY = RUN / "prompts"
DATA = RUN / "data"
HOST = "127.0.0.1"
APPS = ("web-1", "web-2")
DEMO = Path(__file__).parents[1] / "demo"
CONFIG = Path(__file__).with_name("operator.toml")  # so that each page of docs/integrations can be tried
ATTESTED = ("support/triage", "2.0.0")  # a suite, and the version that it is compared with
REGRESSED = 1  # what `eval` answers then

NEXT = """\

# {news} In another terminal, from this folder:

export PATH=$PWD/.venv/bin:$PATH
export PROMPTSTAGE_URL={url} PROMPTSTAGE_TOKEN=$(cat {token})

# What is in force, how the candidate does, and what one user gets:
promptstage status
promptstage status summarize
curl -s -H "Authorization: Bearer $PROMPTSTAGE_TOKEN" \\
  "$PROMPTSTAGE_URL/v1/environments/production/resolve/summarize?key=user-42"; echo

# A thousand users, decided in an app's own memory:
python - <<'END'
from collections import Counter
from promptstage import Client
with Client(prompts=["summarize"]) as client:
    client.ready(5)
    print(Counter(client.get("summarize", key=f"user-{{n}}").version for n in range(1000)))
END

# What an answer must be, and whether it is: answers written by hand, so that no model is needed.
(cd {repository} && promptstage eval --offline)

# Say what answers are worth: log in at {url}/console with this token, and choose Review.
cat {reviewer}

# Widen it, look again, take it back:
promptstage advance summarize --reason "agents like it"
promptstage rollback summarize --yes --reason "too terse"

# The HTTP API: {url}/docs    Ctrl-C here ends the service.
"""


class Step(NamedTuple):
    """One staging action of the sample."""

    environment: str
    prompt: str
    action: str
    body: dict[str, str]


def _promote(environment: str, prompt: str, version: str, reason: str) -> Step:
    return Step(environment, prompt, "promote", {"version": version, "reason": reason})


STEPS = (
    _promote("production", "code/review", "1.1.0", "first version in production"),
    _promote("production", "moderation/screen", "1.0.0", "first version"),
    _promote("production", "moderation/screen", "1.0.1", "fewer angry messages held for review"),
    _promote("production", "search/rewrite-query", "1.1.0", "all languages"),
    _promote("production", "support/chat", "1.1.0", "with the rules of safety"),
    _promote("production", "support/photo", "1.1.0", "first version in production"),
    _promote("production", "support/reply", "1.1.0", "first version in production"),
    _promote("production", "support/triage", "1.1.0", "first version in production"),
    _promote("staging", "code/review", "2.0.0", "the robot passes the diff there already"),
    _promote("staging", "support/chat", "1.1.1", "bad news first"),
    _promote("staging", "support/reply", "2.0.0-rc.1", "try it with the new editor"),
    _promote("staging", "support/reply", "2.0.0", "agents did not like JSON"),
    _promote("staging", "support/triage", "2.0.1", "the help desk passes the plan there already"),
    _promote("staging", "summarize", "1.4.0", "in our style"),
    _promote("production", "summarize", "1.1.0", "first version in production"),
    _promote("production", "summarize", "1.2.0", "no more made-up order numbers"),
    Step(
        "production",
        "summarize",
        "start",
        {"version": "1.3.0", "plan": "standard", "reason": "agents asked for the next step first"},
    ),
)


class SampleError(Exception):
    """The registry did not do what the sample needs; the message says what it answered."""


class Registry:
    """The registry's HTTP API, as far as the sample needs it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def is_ready(self) -> bool:
        """Whether the service says that it can answer."""
        try:
            return self._http.request("GET", f"{self.url}/readyz").status == 200  # noqa: PLR2004 - HTTP's OK
        except urllib3.exceptions.HTTPError:
            return False

    def is_new(self, token: str) -> bool:
        """Whether summarize was never promoted in production."""
        path = "/v1/environments/production/rollouts/summarize"
        answer = self._http.request("GET", self.url + path, headers=_bearer(token))
        return answer.status == 404 or answer.json()["stable"] is None  # noqa: PLR2004 - HTTP's Not Found

    def make_token(self, name: str, role: str, token: str) -> str:
        """Make a token, and return its secret. Raises SampleError."""
        body = {"name": name, "role": role}
        answer = self._http.request("POST", f"{self.url}/v1/tokens", json=body, headers=_bearer(token))
        if answer.status >= 400:  # noqa: PLR2004 - HTTP's errors begin here
            raise SampleError(f"token {name}: {_detail(answer)}")
        secret: str = answer.json()["secret"]
        return secret

    def take(self, step: Step, token: str) -> None:
        """Take one step; a run that was cut short may take it again.

        Raises:
            SampleError: the registry said no.
        """
        path = f"/v1/environments/{step.environment}/rollouts/{step.prompt}/actions/{step.action}"
        headers = _bearer(token) | {"Idempotency-Key": f"sample-{step.body['version']}"}
        answer = self._http.request("POST", self.url + path, json=step.body, headers=headers)
        if answer.status >= 400:  # noqa: PLR2004 - HTTP's errors begin here
            raise SampleError(f"{step.action} {step.prompt} in {step.environment}: {_detail(answer)}")


def main() -> int:
    """Serve the sample until a signal ends it.

    Returns:
        the service's exit code.
    """
    if not REPOSITORY.exists():
        _build()
    port = os.environ.get("PROMPTSTAGE_PORT", "8000")
    taken = _is_taken(int(port))
    service = _serve(port)
    registry = Registry(f"http://{HOST}:{port}")
    with ExitStack() as apps:
        if not taken and _wait(service, registry):
            try:
                token = (DATA / "admin.token").read_text(encoding="ascii").strip()
                news = _stage(registry, token)
                _start_apps(registry, token, apps)
            except (SampleError, OSError, urllib3.exceptions.HTTPError) as error:
                print(f"the sample could not be staged: {error}", file=sys.stderr)
                service.terminate()
                service.wait()
                return 1
            print(
                NEXT.format(
                    news=news,
                    url=registry.url,
                    token=DATA / "admin.token",
                    reviewer=DATA / "reviewer.token",
                    repository=REPOSITORY,
                ),
                flush=True,
            )
        return _code(service.wait())


def _build() -> None:
    unfinished = REPOSITORY.with_name("prompts.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    build(unfinished)
    answers.keep(unfinished)
    unfinished.rename(REPOSITORY)


def _is_taken(port: int) -> bool:
    """Whether someone else listens already: then `serve` says so and ends, and nothing must be staged."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _serve(port: str) -> subprocess.Popen[bytes]:
    """Start the service, which a signal to this process ends too."""
    options = {"--repository": str(REPOSITORY), "--data": str(DATA), "--config": str(CONFIG)}
    options |= {"--host": HOST, "--port": port}
    command = [sys.executable, "-m", "registry", "serve"]
    command += [word for option in options.items() for word in option]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTSTAGE_")}
    service = subprocess.Popen(command, env=inherited)  # noqa: S603 - all of it is ours

    def end(_number: int, _frame: FrameType | None) -> None:
        service.terminate()  # a Ctrl-C reached the service too; a second one would cut its farewell short

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    return service


def _wait(service: subprocess.Popen[bytes], registry: Registry) -> bool:
    """Wait until the service answers; False if it ended instead."""
    while service.poll() is None:
        if registry.is_ready():
            return True
        time.sleep(0.1)
    return False


def _stage(registry: Registry, token: str) -> str:
    """Take the steps of the sample, unless it was; return what there is to tell."""
    if not registry.is_new(token):
        return "The sample is as you left it."
    for step in STEPS:
        registry.take(step, token)
    _attest(registry, token)
    return "summarize 1.3.0 now goes to 5 % of users in production."


def _attest(registry: Registry, token: str) -> None:
    """Attest a suite, of which two cases regressed. Raises SampleError."""
    name, version = ATTESTED
    command = [sys.executable, "-m", "registry", "eval", name, "--against", version, "--offline", "--attest"]
    settings = {"PROMPTSTAGE_URL": registry.url, "PROMPTSTAGE_TOKEN": token}
    done = subprocess.run(  # noqa: S603 - all of it is ours
        command, cwd=REPOSITORY, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    if done.returncode != REGRESSED:
        raise SampleError(f"eval {name}: {done.stderr}")


def _secret(registry: Registry, name: str, role: str, token: str) -> str:
    """Make a token once, and return its secret, which stays in the data folder. Raises SampleError."""
    file = DATA / f"{name}.token"
    if not file.exists():
        made = registry.make_token(name, role, token)
        file.touch(0o600)
        file.write_text(made, encoding="ascii")
    return file.read_text(encoding="ascii")


def _start_apps(registry: Registry, token: str, stack: ExitStack) -> None:
    """Start two apps and their model, which end with the stack."""
    _secret(registry, "reviewer", "review", token)
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
    settings = {
        "PROMPTSTAGE_URL": registry.url,
        "PROMPTSTAGE_TOKEN": _secret(registry, "web", "app", token),
        "PROMPTSTAGE_SNAPSHOT_DIR": str(RUN / "snapshots"),
    }
    _start(stack, "model", [str(DEMO / "model.py"), str(port)], {})
    for name in APPS:
        _start(stack, name, [str(DEMO / "app.py"), name, f"http://{HOST}:{port}"], settings)


def _start(stack: ExitStack, name: str, command: list[str], settings: dict[str, str]) -> None:
    with (RUN / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - all of it is ours
            [sys.executable, *command], env=os.environ | settings, stdout=log, stderr=log
        )
    stack.callback(process.wait)
    stack.callback(process.terminate)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _detail(answer: urllib3.BaseHTTPResponse) -> Any:
    try:
        return answer.json()["detail"]
    except (json.JSONDecodeError, KeyError):
        return f"HTTP {answer.status}"


def _code(returned: int) -> int:
    """An exit code as shells write it: 128 and the signal for a process that a signal ended."""
    return returned if returned >= 0 else 128 - returned


if __name__ == "__main__":
    sys.exit(main())
