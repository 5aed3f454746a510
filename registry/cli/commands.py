"""The commands of `promptstage` by name; each is imported when it is asked for.

To import them all takes longer than most of them run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperGroup

from registry.cli import streams, usage_errors
from registry.cli.options import JSON
from registry.cli.output import complain, dump, problem
from registry.errors import RegistryError

EXIT_CODES = "Exit codes: 0 done, or nothing to do; 1 failed, and stderr says why; 2 wrong usage."
SENTENCE = 200  # characters of a command's help that are listed; a longer sentence would be cut off
# The help's headings, in order. Below each are its commands: the module, and what to take of it, where that
# has another name; `app` is a group of commands.
PANELS = {
    "Write prompts": {
        "init": "author.init",
        "check": "author.check",
        "render": "author.render",
        "eval": "suites.evaluate:evaluate",
        "tag": "author.tag",
        "types": "author.typed:types",
        "import": "imports.command:import_prompts",
        "export": "imports.export",
        "prompts": "release.queries",
        "versions": "release.queries",
        "show": "release.queries",
        "diff": "release.queries",
    },
    "Release them": {
        "status": "release.status",
        "start": "release.actions",
        "advance": "release.actions",
        "pause": "release.actions",
        "resume": "release.actions",
        "promote": "release.actions",
        "rollback": "release.actions",
        "approve": "release.actions",
        "reject": "release.actions",
        "history": "release.history",
        "attestations": "release.attestations",
        "explain": "release.explain",
        "evidence": "release.evidence",
        "simulate": "release.simulate",
    },
    "See how calls went": {
        "usage": "observe.usage",
        "calls": "observe.calls",
        "call": "observe.calls",
        "budget": "observe.budget",
        "review": "review.review",
        "judge": "review.judge",
        "cases": "review.cases:app",
    },
    "Run the registry": {
        "serve": "operate.serve",
        "doctor": "operate.doctor",
        "login": "operate.login",
        "logout": "operate.login",
        "token": "operate.token:app",
        "journal": "operate.journal:app",
        "policies": "operate.policies:app",
        "prices": "operate.prices:app",
        "notify": "operate.notify:app",
    },
}


class Group(TyperGroup):
    """Runs a command; what goes wrong becomes one sentence on stderr and exit code 1, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            usage_errors.explain(error)
            raise
        except RegistryError as error:
            failed = error
        except BrokenPipeError:
            raise  # the reader of a pipe has seen enough; typer ends quietly
        except OSError as error:
            failed = RegistryError(streams.said(error))
        complain(failed.message)
        if ctx.meta.get(JSON):
            dump(problem(failed))
        raise typer.Exit(1)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        """List the commands under their headings."""
        width = max(map(len, self.commands))
        for heading, rows in self.listed().items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), sentence) for name, sentence in rows])

    def listed(self) -> dict[str, list[tuple[str, str]]]:
        """Return the commands, each with its sentence, by heading."""
        rows = [(name, command.get_short_help_str(SENTENCE)) for name, command in self.commands.items()]
        return {"Commands": rows}


class Root(Group):
    """The group of all commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("Any", Commands())  # which is never written to

    def listed(self) -> dict[str, list[tuple[str, str]]]:
        """Return their docstrings' sentences: to make commands of all functions would take as long again."""
        return {
            panel: [(name, _sentence(_find(name, place))) for name, place in places.items()]
            for panel, places in PANELS.items()
        }


class Commands(Mapping[str, Any]):
    """All commands by name; one that was not used is imported when it is looked up."""

    def __init__(self) -> None:
        self._places = {
            name: (panel, place) for panel, places in PANELS.items() for name, place in places.items()
        }
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return a command. Raises KeyError."""
        if name not in self._loaded:
            self._loaded[name] = _load(name, *self._places[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names; nothing is imported for that."""
        return iter(self._places)

    def __len__(self) -> int:
        """Count them."""
        return len(self._places)


def _find(name: str, place: str) -> Any:
    """Import a function, or a group."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(f"registry.cli.{module}"), attribute or name)


def _sentence(found: Any) -> str:
    text: Any = found.info.help if isinstance(found, typer.Typer) else found.__doc__
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0]


def _load(name: str, panel: str, place: str) -> Any:
    found = _find(name, place)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(lambda: None)  # else one command would become the app itself
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=name, cls=Group, rich_help_panel=panel)
    else:
        epilog = getattr(import_module(found.__module__), "EXIT_CODES", EXIT_CODES)
        app.command(name, rich_help_panel=panel, epilog=epilog)(found)
    group: Any = typer.main.get_command(app)
    return group.commands[name]
