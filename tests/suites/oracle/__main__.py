"""Judge the recorded pairs again by promptfoo: ``python -m suites.oracle FOLDER``, where it is installed.

A new pair is a line of the record without a verdict. promptfoo wants Node 22.22 or newer: `PROMPTFOO_NODE`
names another one than that of the PATH.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parents[2] / "vectors/promptfoo_verdicts.json"
QUIET = {
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_CACHE_ENABLED": "false",
}


def main() -> int:
    """Judge, and write the record."""
    folder = Path(sys.argv[1]).resolve()
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    done = subprocess.run(
        [os.environ.get("PROMPTFOO_NODE", "node"), Path(__file__).with_name("promptfoo.mjs"), folder],
        input=json.dumps(record),
        env={**os.environ, **QUIET, "PROMPTFOO_CONFIG_DIR": str(folder / "settings")},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    said = json.loads(done.stdout)
    written = {"promptfoo": said["version"]}
    for key in ("pairs", "cases"):
        judged = zip(record[key], said[key], strict=True)
        written[key] = [given | {"verdict": verdict} for given, verdict in judged]
    RECORD.write_text(_lines(written), encoding="utf-8")
    sys.stdout.write(f"{len(said['pairs'])} pairs, judged by promptfoo {said['version']}\n")
    return 0


def _lines(record: dict[str, Any]) -> str:
    """Write one verdict a line, so that it shows in a difference which ones a version changes."""
    parts = []
    for key, value in record.items():
        entries = ",\n".join(json.dumps(each) for each in value) if isinstance(value, list) else ""
        parts.append(f"{json.dumps(key)}: " + (f"[\n{entries}\n]" if entries else json.dumps(value)))
    return "{" + ",\n".join(parts) + "}\n"


if __name__ == "__main__":
    sys.exit(main())
