"""Write one OTLP request as large as you like: copies of a recording, each a call of its own.

    python giant.py 4 > giant.pb       # at least 4 MiB of protobuf; says on stderr how many calls are in it
    python giant.py 20 --gzip > giant.pb.gz
    python giant.py 4 --from openinference-openai-tool

Requests of protobuf may be joined end to end: the sum is a request with all their spans.
"""

import argparse
import gzip
import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Write it to standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mib", type=float)
    parser.add_argument("--from", dest="name", default="genai-openai-tool-content")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    index = json.loads((HERE / "index.json").read_text())
    entry = next(entry for entry in index["entries"] if entry["name"] == args.name)
    body = (HERE / entry["requests"][0]["file"]).read_bytes()
    ids = {bytes.fromhex(call[key]) for call in entry["calls"] for key in ("trace_id", "span_id")}
    draw = random.Random(args.seed).randbytes
    parts, size = [], 0
    while size < args.mib * 1024 * 1024:
        part = body
        for old in ids:
            part = part.replace(old, draw(len(old)))
        parts.append(part)
        size += len(part)
    out = b"".join(parts)
    sys.stdout.buffer.write(gzip.compress(out, 6, mtime=0) if args.gzip else out)
    sys.stderr.write(f"{len(out)} bytes, {len(parts) * len(entry['calls'])} calls\n")


if __name__ == "__main__":
    main()
