"""A thousand cases against a model that takes 200 ms: how near the command comes to what the model allows."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.measure import Row
from suites.chat_model import answer_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

CASES = 1000
SECONDS = 0.2  # of an answer
AT_ONCE = 32
BOUND = CASES * SECONDS / AT_ONCE
PROMPT = "model: openai/gpt-5.4-mini\nmessages: [{role: user, content: 'Echo: {{text}}'}]\n"
SDK = """
import asyncio, json, sys, openai
async def main():
    client = openai.AsyncOpenAI(api_key="none", base_url=sys.argv[1], max_retries=0)
    numbers = iter(range(int(sys.argv[2])))
    async def work():
        for number in numbers:
            message = {"role": "user", "content": f"case {number}"}
            json.loads(await client.post("/chat/completions", cast_to=bytes, body={"messages": [message]}))
    await asyncio.gather(*(work() for _ in range(int(sys.argv[3]))))
asyncio.run(main())
"""  # what OpenAI's SDK takes for as many questions, and nothing else
RSS = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
RSS += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"


def serve(told: Connection) -> None:
    """Answer each request after `SECONDS`; tell the port, and then how long each thousand took."""
    times: list[float] = []
    body = json.dumps(answer_of("an answer of some words, as they are in support " * 6)).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readline():
            length = 0
            while (line := await reader.readline()).strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            await reader.readexactly(length)
            assert request.startswith(b"POST /v1/chat/completions")
            times.append(time.monotonic())
            await asyncio.sleep(SECONDS)
            writer.write(head.encode() + body)
            times.append(time.monotonic())
            if len(times) == 2 * CASES:
                told.send(times[-1] - times[0])
                times.clear()

    async def main() -> None:
        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def measure() -> Iterator[Row]:
    """Run the suite twice: the second time all answers are kept."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        with TemporaryDirectory() as folder:
            yield from _measure(Path(folder), f"http://127.0.0.1:{ours.recv()}/v1", ours)
    finally:
        server.terminate()
        server.join()


def _measure(folder: Path, url: str, server: Connection) -> Iterator[Row]:
    prompts = folder / "prompts"
    prompts.mkdir()
    (prompts / "echo.prompt.yml").write_text(PROMPT)
    (prompts / "echo.cases.jsonl").write_text("".join(map(_case, range(CASES))))
    command = [sys.executable, "-c", SDK, url, str(CASES), str(AT_ONCE)]
    subprocess.run(command, check=True)
    alone = server.recv()
    found, seconds, memory = _run(folder, url)
    asking = server.recv()
    again, seconds_again, _ = _run(folder, url)
    assert (found["requests"], again["requests"]) == (CASES, 0)
    work = f"evaluate {CASES} cases of {SECONDS * 1000:g} ms, {AT_ONCE} at a time"
    note = f"{alone:.1f} s by the SDK alone, {alone / BOUND:.2f} x; the whole command: {seconds:.1f} s"
    yield Row(work, asking, "s", floor=BOUND, target="<= 1.15 x", note=note)
    yield Row(f"{work}: memory", memory / 1024, "MiB", target="<= 200 MB")
    yield Row(f"evaluate {CASES} kept answers", seconds_again, "s", note="0 requests; the whole command")


def _case(number: int) -> str:
    checks = [{"type": "contains", "value": "an answer"}, {"type": "not-contains", "value": "sorry"}]
    text = f"case {number}: a parcel that never came, and whose sender asks for it again " * 4
    return json.dumps({"id": f"case-{number}", "vars": {"text": text}, "assert": checks}) + "\n"


def _run(folder: Path, url: str) -> tuple[Any, float, int]:
    """Run the command; return its report, how long all of it took, and the most memory in KiB."""
    command = [sys.executable, "-m", "registry", "eval", "echo", "--json", "--concurrency", str(AT_ONCE)]
    variables = {**os.environ, "OPENAI_BASE_URL": url}
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RSS, *command], cwd=folder, env=variables, capture_output=True, check=True
    )
    seconds = time.monotonic() - start
    return json.loads(done.stdout), seconds, int(done.stderr.split()[-1])
