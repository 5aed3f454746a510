"""The standard streams of a command: closed ones, other encodings, and output that cannot be written."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path

from registry.cli.output import complain


def prepare() -> None:
    """Let the streams take and give any text; cron and ``<&-`` leave some closed: None in Python."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            empty = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - as long as the process runs
            setattr(sys, name, empty)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 is no reason to fail
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # what is typed or piped is judged by who reads it


def finish(code: int) -> int:
    """Write what is left of the output, and return the exit code; a full disk is a failure, and is told."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if not code and not isinstance(error, BrokenPipeError):
            complain(said(error))
        # Python would try once more at its end, and exit with 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or 1
    return code


def said(error: OSError) -> str:
    """Say what the system refused, without its number."""
    if not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
