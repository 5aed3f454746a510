"""An app that summarizes support threads all day: `python -m demo.app NAME MODEL_URL [--report-rollbacks]`.

With ``--busy`` it is a job that goes through an archive: threads at once, without a pause.

The model is a stand-in that is asked over HTTP. All else is as in any app: one client, a key per user, and
one block around each call of the model, which logs by itself how it went, and reports it.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
import sys
import time
from contextlib import suppress
from threading import Thread
from typing import NoReturn

import urllib3

from promptstage import Client

PAUSE_SECONDS = (0.05, 0.2)  # between two requests: a dozen lines a second of two apps, which eyes can follow
LOOK_SECONDS = 0.0005  # how closely the moment of a rollback is watched
BUSY_THREADS = 10  # some 200 requests a second
USERS = 1000  # of an app; an archive has as many as it has threads
ARCHIVED = 1_000_000
THREAD = "Where is parcel 4711? It was due on Monday."


class MadeUpPromise(Exception):
    """The summary names a promise that nobody made."""


def summarize(client: Client, http: urllib3.PoolManager, model: str, user: int) -> str:
    """Summarize the thread of one user. Raises MadeUpPromise."""
    with client.call("summarize", key=user, route="GET /thread") as call:
        request = call.openai(text=THREAD)
        answer = call.record(http.request("POST", f"{model}/v1/chat/completions", json=dict(request)).json())
        summary: str = answer["choices"][0]["message"]["content"]
        if "refund" in summary and "refund" not in THREAD:
            call.flag("made_up_promise")
            raise MadeUpPromise(summary)
        return summary


def report_rollbacks(client: Client) -> None:
    """Write to stderr when (seconds since 1970) users of a candidate are served the stable version again."""
    for user in itertools.cycle(range(1000)):
        if client.get("summarize", key=user, stamp=False).arm != "canary":
            time.sleep(LOOK_SECONDS)
            continue
        while (prompt := client.get("summarize", key=user, stamp=False)).arm == "canary":
            time.sleep(LOOK_SECONDS)
        print(json.dumps({"version": prompt.version, "at": time.time()}), file=sys.stderr, flush=True)


def work(client: Client, model: str, users: int, pause: tuple[float, float]) -> NoReturn:
    """Summarize for one user after the other."""
    http = urllib3.PoolManager()
    while True:
        with suppress(MadeUpPromise):  # the block has logged it
            summarize(client, http, model, random.randrange(1, users))  # noqa: S311 - no secret
        time.sleep(random.uniform(*pause))  # noqa: S311 - no secret


def main(name: str, model: str, *options: str) -> None:
    """Run until somebody ends it."""
    form = f"%(asctime)s.%(msecs)03d  {name}  %(levelname)-7s  %(message)s"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format=form, datefmt="%H:%M:%S")
    client = Client(prompts=["summarize"])
    client.ready(10)
    if "--report-rollbacks" in options:
        Thread(target=report_rollbacks, args=(client,), daemon=True).start()
    if "--busy" in options:
        for _ in range(BUSY_THREADS):
            Thread(target=work, args=(client, model, ARCHIVED, (0.0, 0.0))).start()
    else:
        work(client, model, USERS, PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
