"""``promptstage``, and ``python -m registry``, which is the same."""

import sys

INTERRUPTED = 130  # as shells have it: 128, and the number of SIGINT


def main() -> None:
    """Run the command line. Ctrl-C while its modules are still being imported ends it without a traceback."""
    try:
        from registry.cli.main import main as run  # noqa: PLC0415 - so that an interrupt here is caught

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
