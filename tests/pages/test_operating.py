"""What the page for operators shows works, on a machine that is played by a folder.

The paths of the page are taken below that folder, and the tools that would change the machine itself are
replaced by small ones that do what matters here. Everything else is run as it stands.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from pages.markdown import ROOT, blocks
from pages.running import COMMANDS, environment, free_port, shell
from support import until

from prompts.build import build

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/operating.md"
SERVE, SYSTEMD, TOKENS, RECOVER_TOKEN, MACHINES, BACKUP = (block.text for block in blocks(PAGE, "sh"))
ABSOLUTE = re.compile(r"(?<![\w/.:@}])/(?=(?:var|opt|etc|run|mnt|backup)/)")
FOLDERS = (
    "tools", "var/lib/promptstage", "etc/systemd/system", "run/promptstage", "backup", "mnt/shared",
    "run/credentials/promptstage.service",
)  # fmt: skip
TOOLS = {
    "useradd": "exit 0",
    "sudo": 'shift 2; exec "$@"',
    "runuser": 'shift 3; exec "$@"',
    # The environment and the command of the unit, as systemd would take them.
    "systemctl": """[ "$1" = enable ] || exit 0
        unit=$(sed -E 's,/(var|opt|etc|run)/,ROOT/\\1/,g' ROOT/etc/systemd/system/promptstage.service)
        export $(echo "$unit" | sed -n 's/^Environment=//p')
        set -a; . $(echo "$unit" | sed -n 's/^EnvironmentFile=//p')
        $(echo "$unit" | sed -n 's/^ExecStart=//p') --port PORT > ROOT/log 2>&1 &
        echo $! > ROOT/pid""",
    # A virtual environment into which whatever can be installed is installed already.
    "python3": """mkdir -p "$3/bin"; ln -s COMMANDS/promptstage "$3/bin/"
        printf '#!/bin/sh\\ncat "$3" "$4/pyproject.toml" "$5/pyproject.toml"\\n' > "$3/bin/pip"
        chmod +x "$3/bin/pip\"""",
    # The service answers a moment after it was started.
    "curl": 'exec CURL --retry-connrefused --retry 60 --retry-delay 1 --fail "$@"',
}


class Machine:
    """The folder, and how the page's lines read there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "var/lib/promptstage"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = environment(root, PROMPTSTAGE_URL=self.url)
        self.environment["PATH"] = f"{root}/tools:{self.environment['PATH']}"
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        (root / "run/credentials/promptstage.service/git-token").write_text("a token\n")
        build(root / "prompts.git")
        for name, text in TOOLS.items():
            (root / "tools" / name).write_text(f"#!/bin/sh\n{self._filled(text)}\n")
            (root / "tools" / name).chmod(0o755)

    def _filled(self, text: str) -> str:
        text = text.replace("COMMANDS", str(COMMANDS)).replace("CURL", shutil.which("curl") or "curl")
        return text.replace("ROOT", str(self.root)).replace("PORT", self.url.rpartition(":")[2])

    def run(self, text: str, folder: Path, **variables: str) -> str:
        """Run lines of the page with this machine's paths, address and repositories."""
        text = ABSOLUTE.sub(f"{self.root}/", text)
        for theirs, ours in {
            "https://git.example.org/acme/prompts.git": self.root / "prompts.git",
            "git@git.example.org:ops/journal.git": self.root / "mirror.git",
            "https://prompts.example.org": self.url,
            "http://127.0.0.1:8000": self.url,
        }.items():
            text = text.replace(theirs, str(ours))
        return shell(text, folder, self.environment | variables)

    def stop(self) -> None:
        """End the service that `systemctl` started."""
        os.kill(int((self.root / "pid").read_text()), signal.SIGTERM)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """One machine for the tests of this page, which run in the order in which they stand."""
    with TemporaryDirectory(prefix="ps", ignore_cleanup_errors=True) as folder:  # short: it holds a socket
        made = Machine(Path(folder))
        yield made
        made.stop()


def test_serve(tmp_path: Path) -> None:
    """The one command is a registry, which a signal ends."""
    build(tmp_path / "prompts")
    variables = environment(tmp_path, PROMPTSTAGE_PORT=str(free_port()))
    with subprocess.Popen(["sh", "-c", f"exec {SERVE}"], cwd=tmp_path, env=variables) as served:
        try:
            until((tmp_path / "data/admin.token").exists, "the admin's token")
        finally:
            served.send_signal(signal.SIGINT)

    assert served.returncode == 0


def test_systemd(machine: Machine) -> None:
    """The lines install a service that becomes ready, and print the admin's token."""
    written = machine.run(SYSTEMD, ROOT)

    assert '"status":"ready"' in written.replace(" ", "")
    assert "ps_" in written


def test_tokens(machine: Machine) -> None:
    """They are made and revoked one after the other, and the last admin's is recovered."""
    written = machine.run(TOKENS + RECOVER_TOKEN, machine.data)

    assert "checkout" in written
    assert "admin.token" in written


def test_backup(machine: Machine) -> None:
    """Each command works on the folder that it is meant for: one that is served, or a new one."""
    backup, others = BACKUP.split("\n\n")
    _, service, *commands = others.splitlines()
    machine.run("git init --quiet --bare mirror.git", machine.root)
    machine.run(backup, machine.data)
    for number, command in enumerate(commands):
        is_new = "recover --mirror" in command or "restore" in command
        data = f"{machine.root}/new-{number}" if is_new else str(machine.data)
        command = command.replace("2026-05-04", "$(date +%F)")  # noqa: PLW2901 - the backup of today
        machine.run(f"D={data}\n{service}\n{command}", machine.data)

    assert len(commands) == 6


def test_several_machines(machine: Machine, tmp_path: Path) -> None:
    """What they share can be made so, and the settings are settings."""
    machine.run(MACHINES, tmp_path)
    named = set(re.findall(r"^(PROMPTSTAGE_\w+)=", MACHINES, re.MULTILINE))

    assert (machine.root / "mnt/shared/journal.git/HEAD").exists()
    assert named == {"PROMPTSTAGE_JOURNAL", "PROMPTSTAGE_REDIS_URL"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_takes_the_configuration(tmp_path: Path) -> None:
    """With the rules beside it that it names, and the token's file."""
    (block,) = blocks(PAGE, "yaml")
    file = tmp_path / "prometheus.yml"
    file.write_text(block.text.replace("/etc/prometheus", str(tmp_path)))
    (tmp_path / "promptstage.token").write_text("a token")
    shutil.copy(ROOT / "deploy/prometheus-alerts.yml", tmp_path)

    assert "SUCCESS" in shell(f"promtool check config {file}", tmp_path, environment(tmp_path))


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_takes_the_configuration(tmp_path: Path) -> None:
    """With a certificate where the page says that there is one."""
    (block,) = blocks(PAGE, "nginx")
    text = block.text.replace("/etc/ssl", str(tmp_path)).replace("listen 443", f"listen {free_port()}")
    text = text.replace("/var/log/nginx", str(tmp_path))
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{text}}}\n")
    shell(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=prompts.example.org -days 1"
        f" -keyout prompts.key -out prompts.pem; nginx -t -c {file}",
        tmp_path,
        environment(tmp_path),
    )


def test_the_rights_of_redis_are_those_that_are_tried() -> None:
    """`tests/service/test_deploy.py` compares them; here, that there is one block of them."""
    assert len(blocks(PAGE, "redis")) == 1
