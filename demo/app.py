"""An app that summarizes support threads all day, and logs as it goes.

The model is a stand-in that obeys its prompt to the letter. All else is as in any app: one client, a key
per user, and log lines that name the version by themselves.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
import sys
import time
from threading import Thread
from typing import TYPE_CHECKING

from promptstage import Client, logs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptstage import Prompt

PAUSE_SECONDS = (
    0.08,
    0.24,
)  # between two requests: with two apps a dozen lines a second, which eyes can follow
LOOK_SECONDS = 0.0005  # how closely the moment of a rollback is watched
THREAD = "Where is parcel 4711? It was promised for Monday."

logger = logging.getLogger("app")


def serve(client: Client, users: Iterable[int]) -> None:
    """Answer one user after the other."""
    for user in users:
        prompt = client.get("summarize", key=user)
        summary = model(prompt)
        if summary.startswith("{"):
            logger.error("user %d: cannot be shown: %s", user, summary)
        else:
            logger.info("user %d: %s", user, summary)
        time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - no secret


def model(prompt: Prompt) -> str:
    """What a model would make of the prompt."""
    instructions = prompt.messages(text=THREAD)[0]["content"]
    if "JSON" in instructions:
        return json.dumps({"wants": "parcel 4711"})
    if "next step" in instructions:
        return "Next step: call the carrier, due Monday"
    return "Parcel 4711 is late, it was promised for Monday"


def report_rollbacks(client: Client) -> None:
    """Write to stderr when (seconds since 1970) users of a candidate are served the stable version again."""
    for user in itertools.cycle(range(1000)):
        if client.get("summarize", key=user, stamp=False).arm != "canary":
            time.sleep(LOOK_SECONDS)
            continue
        while (prompt := client.get("summarize", key=user, stamp=False)).arm == "canary":
            time.sleep(LOOK_SECONDS)
        print(json.dumps({"version": prompt.version, "at": time.time()}), file=sys.stderr, flush=True)


def main(name: str) -> None:
    """Run until somebody ends it."""
    logs.install()
    form = f"%(asctime)s.%(msecs)03d  {name}  %(levelname)-5s  %(promptstage)s  %(message)s"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=form, datefmt="%H:%M:%S")
    client = Client(prompts=["summarize"])
    client.ready(10)
    Thread(target=report_rollbacks, args=(client,), daemon=True).start()
    serve(client, iter(lambda: random.randrange(1, 1000), None))  # noqa: S311 - no secret


if __name__ == "__main__":
    main(sys.argv[1])
