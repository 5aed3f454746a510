"""Processes in which proofs run: started afresh, since a forked one would have half of this one's threads."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def pool(workers: int | None) -> ProcessPoolExecutor:
    """So many processes, whose logs go nowhere: results tell of the faults."""
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_quiet)


def _quiet() -> None:
    logging.getLogger().addHandler(logging.NullHandler())
