"""MLflow's own server, in the environment that `make platforms` builds for it."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from platforms.running import SECONDS, free_port
from support import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MLFLOW = os.environ.get("PROMPTSTAGE_MLFLOW", "")
QUIET = {
    "MLFLOW_TELEMETRY_OPTOUT": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@contextmanager
def run(folder: Path) -> Iterator[str]:
    """Run one, with its data in a folder; yield its address."""
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    command = [MLFLOW, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | QUIET, stdout=log, stderr=log, start_new_session=True
        )
    try:
        until(lambda: answers(address), "MLflow", patience=SECONDS)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its workers are processes, too
        process.wait()


def answers(address: str) -> bool | None:
    """Whether it is there."""
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5):
            return True
    except OSError:
        return None
