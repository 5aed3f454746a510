"""The formats that can be imported: how each is read, and where from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.cli.hosted import langfuse as at_langfuse
from registry.cli.hosted import langsmith as at_langsmith
from registry.cli.hosted import mlflow as at_mlflow
from registry.cli.imports.load import load
from registry.errors import Invalid
from registry.importers import (
    dotprompt,
    dumps,
    langfuse,
    langsmith,
    mlflow,
    openai,
    promptfoo,
    promptlayer,
    prompty,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.importers.imported import Files, Reader


def _nothing(_: Files) -> Sequence[str]:
    return ()


class Format(NamedTuple):
    """A format of prompts.

    Attributes:
        title: what people call it.
        read: the reader.
        endings: of the names of its files, where a folder is given.
        wanted: the paths of files that others name; see `registry.cli.imports.load`.
        example: a source, for people.
        fetch: asks a hosted tool at an address, and returns the bodies as files; `tell` shows progress.
        usual: returns the address where the tool's own client asks, or raises Invalid.
    """

    title: str
    read: Reader
    endings: tuple[str, ...]
    example: str
    wanted: Callable[[Files], Sequence[str]] = _nothing
    fetch: Callable[[str, Callable[[str], None]], Files] | None = None
    usual: Callable[[], str] | None = None

    def files(self, source: str, tell: Callable[[str], None]) -> Files:
        """Return the files of a source: a path or, of a hosted tool, an address; empty: the usual one.

        Raises:
            Invalid, NotFound: there is none.
        """
        if not source and self.usual:
            source = self.usual()
        if not source:
            raise Invalid(f"SOURCE is missing: a file or a folder of {self.title}, such as {self.example}")
        if source.startswith(("http://", "https://")):
            if self.fetch:
                return self.fetch(source, tell)
            raise Invalid(
                f"{self.title} is imported from files alone; export them, and name the file or folder"
            )
        return load(source, self.endings, self.wanted)


FORMATS: dict[str, Format] = {
    "dotprompt": Format("dotprompt", dotprompt.read, (dotprompt.ENDING,), "prompts-of-genkit"),
    "langfuse": Format(
        "Langfuse", langfuse.read, dumps.ENDINGS, at_langfuse.EXAMPLE,
        fetch=at_langfuse.fetch, usual=at_langfuse.usual,
    ),
    "langsmith": Format(
        "LangSmith", langsmith.read, dumps.ENDINGS, at_langsmith.EXAMPLE,
        fetch=at_langsmith.fetch, usual=at_langsmith.usual,
    ),
    "mlflow": Format(
        "MLflow", mlflow.read, dumps.ENDINGS, at_mlflow.EXAMPLE, fetch=at_mlflow.fetch, usual=at_mlflow.usual
    ),
    "promptlayer": Format("PromptLayer", promptlayer.read, dumps.ENDINGS, "templates.json"),
    "openai": Format("OpenAI", openai.read, dumps.ENDINGS, "stored-prompts.json"),
    "promptfoo": Format(
        "promptfoo", promptfoo.read, promptfoo.ENDINGS, "promptfooconfig.yaml", wanted=promptfoo.wanted
    ),
    "prompty": Format("Prompty", prompty.read, (prompty.ENDING,), "prompts"),
}  # fmt: skip
