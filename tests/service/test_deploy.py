"""The files that operators copy: they parse, agree with the service, and were tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import yaml
from cli.test_cli_help import COMMANDS
from outcomes_in import record
from replication.test_redis_store import NEEDED
from support import until

from registry.journal.maintenance import mirror
from registry.redis import url
from registry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Api, Registry

DEPLOY = Path(__file__).parents[2] / "deploy"
OPERATING = DEPLOY.parent / "docs/operating.md"
ALERTS = DEPLOY / "prometheus-alerts.yml"
TRIED = DEPLOY / "prometheus-alerts.test.yml"
OF_OTHERS = {  # of the command line and the client
    f"PROMPTSTAGE_{name}" for name in ("URL", "TOKEN", "ENVIRONMENT", "SNAPSHOT_DIR", "MAX_AGE")
}
GRID = 24  # columns of a dashboard
METRIC = re.compile(r"\b(?:promptstage|process)_[a-z_]+\b")

needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
needs_kubernetes_schemas = pytest.mark.skipif(
    not shutil.which("kubernetes-validate"), reason="kubernetes-validate is not installed"
)
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")


def run(*command: object) -> str:
    """What a tool says; it must be content."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def strings(value: Any, key: str) -> Iterator[str]:
    """Every value under a key, wherever in JSON."""
    if isinstance(value, dict):
        yield from (text for name, text in value.items() if name == key and isinstance(text, str))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner, key)


def dashboard_queries() -> list[str]:
    """What the dashboard asks Prometheus, with its variables filled in."""
    found = strings(json.loads((DEPLOY / "grafana-dashboard.json").read_text()), "expr")
    return [query.replace("$__rate_interval", "5m").replace("$", "") for query in found]


def alert_rules() -> list[Any]:
    """Every alert rule."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.slow
@needs_promtool
def test_the_alerts_do_what_they_say() -> None:
    """Each fires on a bad day, and none on a good one."""
    run("promtool", "check", "rules", ALERTS)

    assert "SUCCESS" in run("promtool", "test", "rules", TRIED)


def test_every_alert_is_tried_and_says_what_to_do() -> None:
    """None is forgotten in the test; each has a severity, a summary and a description."""
    tried = TRIED.read_text()
    for rule in alert_rules():
        assert f'alertname="{rule["alert"]}"' in tried
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_alerts_name_commands_that_there_are() -> None:
    """Whoever is woken by one can paste them."""
    named = set(re.findall(r"`promptstage\s+([a-z]+)", ALERTS.read_text()))

    assert {"rollback", "usage"} < named <= {name for name, *_ in COMMANDS}


@needs_promtool
def test_the_dashboard_asks_what_prometheus_understands(tmp_path: Path) -> None:
    """Every query parses."""
    rules = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(dashboard_queries())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", file)


def test_the_dashboard_is_one_for_grafana() -> None:
    """Panels have ids of their own and do not overlap, queries have marks of their own, variables exist."""
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    places = [panel["gridPos"] for panel in board["panels"]]
    fields = [
        (x, y)
        for at in places
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(board)))

    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert len(set(fields)) == len(fields)
    assert max(x for x, _ in fields) < GRID
    assert used == {variable["name"] for variable in board["templating"]["list"]}
    for panel in board["panels"]:
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_every_metric_that_is_named_exists(
    api: Api, registry: Registry, environment: str, tmp_path: Path
) -> None:
    """In the dashboard, the alerts and the table; and every metric of ours is in the table."""
    mirror.remember(registry.data, str(tmp_path / "mirror.git"))
    steps = [{"percent": 5, "hold": "1h"}, {"percent": 50}]
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    api.act("start", "summarize", {"version": "1.1.0", "steps": steps}, environment)
    calls = {"batch": str(uuid4()), "calls": [record()]}
    assert api.call("POST", f"/v1/environments/{environment}/calls", calls).status == 200
    until(lambda: "promptstage_calls_total{" in api.get("/metrics").text, "the fold")
    text = api.get("/metrics").text
    mirror.forget(registry.data)
    exported = set(METRIC.findall(text))
    table = "".join(line for line in OPERATING.read_text().splitlines() if line.startswith("| `"))
    queries = [*dashboard_queries(), *strings(yaml.safe_load(ALERTS.read_text()), "expr"), table]
    named = {name for query in queries for name in METRIC.findall(query)}
    rollout = {f"promptstage_rollout{name}" for name in re.findall(r"`(_[a-z_]+)`", table)}
    ours = set(re.findall(r"^# TYPE (promptstage_\w+)", text, re.MULTILINE))

    assert named - exported == set()
    assert {name for name in ours if not name.endswith("_created")} <= named | rollout


@pytest.mark.parametrize(
    "file",
    [
        OPERATING,
        *(DEPLOY / name for name in ("promptstage.service", "compose.yml", "Dockerfile", "kubernetes.yml")),
    ],
    ids=lambda file: file.name,
)
def test_every_setting_that_is_named_exists(file: Path) -> None:
    """The service would ignore a variable whose name is misspelt."""
    settings = {f"PROMPTSTAGE_{field.upper()}" for field in Settings.model_fields} | OF_OTHERS
    named = set(re.findall(r"PROMPTSTAGE_[A-Z_]+[A-Z]", file.read_text()))

    assert named <= settings
    assert named


def test_the_forms_of_a_redis_url_are_taken() -> None:
    """Whatever is written there without its brackets, and with them."""
    forms = re.findall(r"`((?:redis|unix)[a-z+]*://[^`]+)`", OPERATING.read_text())
    spare = [re.sub(r"\[.*?\]", "", form) for form in forms]
    whole = [re.sub(r"[\[\]]", "", form).replace("/db", "/0") for form in forms]

    kinds = [url.parse(form).kind for form in (*spare, *whole)]
    assert kinds == ["server", "unix", "cluster", "sentinel"] * 2


def test_the_rights_that_redis_must_give_are_those_that_are_tried() -> None:
    """The tests of the Redis store use a Redis with exactly these."""
    told = re.search(r"-@all ([^`]+)\n", OPERATING.read_text())

    assert told
    assert set(told[1].split()) == set(NEEDED.split()) - {"-@all"}


@needs_systemd
def test_the_unit_is_one_for_systemd(tmp_path: Path) -> None:
    """It knows every line of it; the command stands for the one that is not installed here."""
    unit = tmp_path / "promptstage.service"
    text = (DEPLOY / "promptstage.service").read_text()
    unit.write_text(re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", text, flags=re.MULTILINE))

    assert run("systemd-analyze", "verify", "--man=no", unit) == ""


def test_the_compose_file_can_be_read() -> None:
    """It has the services that it tells of, needs no secret, and builds the image of the Dockerfile."""
    file = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    build = file["x-registry"]["build"]

    assert file["services"].keys() == {"registry-1", "registry-2", "valkey"}
    assert "secrets" not in file
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for service in file["services"].values():
        assert set(service["networks"]) <= file["networks"].keys()


def test_its_secrets_need_only_their_marks_taken_away() -> None:
    """Without the marks before them the lines for a private repository are one file with the rest."""
    text = (DEPLOY / "compose.yml").read_text()
    file = yaml.safe_load(
        re.sub(r"^( *)# ( *(?:PROMPTSTAGE|secrets|git-|webhook-).*)$", r"\1\2", text, flags=re.MULTILINE)
    )

    for service in ("registry-1", "registry-2"):
        used = file["services"][service]
        named = {value for key, value in used["environment"].items() if key.endswith("_FILE")}
        assert named == {f"/run/secrets/{secret}" for secret in used["secrets"]}
        assert set(used["secrets"]) == file["secrets"].keys()


def test_the_image_holds_nothing_else_of_a_checkout() -> None:
    """A layer keeps what was copied, and beside the code there may be secrets and data folders."""
    recipe = (DEPLOY / "Dockerfile").read_text()
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+) /src.*$", recipe, re.MULTILINE)
        for name in line.split()
    ]
    given = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert set(copied) == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "registry", "client"}
    assert set(given) == set(copied)
    assert all((DEPLOY.parent / name).exists() for name in copied)
    assert re.search(r"^USER 10001$", recipe, re.MULTILINE)


def test_what_the_image_is_made_of_is_pinned() -> None:
    """The base images by their versions, the packages by the constraints that the tests ran with."""
    recipe = (DEPLOY / "Dockerfile").read_text()
    store = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]["valkey"]["image"]

    assert re.findall(r"^FROM (\S+)", recipe, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert re.search(r"^ARG BASE=\S+/python:3\.\d+\.\d+-slim-[a-z]+$", recipe, re.MULTILINE)
    assert re.search(r"/valkey:\d+\.\d+-", store)
    assert "-c /src/constraints.txt" in recipe


def test_the_health_check_follows_the_registry(registry: Registry) -> None:
    """Its very command passes where a registry answers, on whichever port, and fails where none does."""
    found = re.search(r"^HEALTHCHECK .*CMD \\\n +(.+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)

    def check(port: int) -> int:
        assert found
        variables = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PROMPTSTAGE_PORT": str(port),
        }
        shell = ["sh", "-c", found[1]]
        return subprocess.run(shell, env=variables, capture_output=True, check=False).returncode

    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    assert (check(registry.port), check(nobody)) == (0, 1)


@needs_kubernetes_schemas
def test_the_manifests_are_what_kubernetes_takes() -> None:
    """By the schema of its API, in which no unknown key is let pass."""
    told = run("kubernetes-validate", "--strict", DEPLOY / "kubernetes.yml")

    assert told.count("passed for resource") == 2


def test_the_manifests_keep_service_links_out() -> None:
    """A Service of this name would put an address into PROMPTSTAGE_PORT; and the pod runs without rights."""
    service, registry = yaml.safe_load_all((DEPLOY / "kubernetes.yml").read_text())
    pod = registry["spec"]["template"]["spec"]
    container = pod["containers"][0]

    assert (service["kind"], registry["kind"]) == ("Service", "StatefulSet")
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsUser"] == 10001
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
