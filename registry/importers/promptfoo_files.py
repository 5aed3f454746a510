"""Find the files that a configuration of promptfoo names, within its own folder. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any, NamedTuple

from registry.errors import Invalid
from registry.importers import sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.importers.imported import Files

CONFIGS = ("promptfooconfig.yaml", "promptfooconfig.yml", "promptfooconfig.json")
FILE = "file://"
_TEXTS = (".txt", ".md", ".j2", ".json", ".yaml", ".yml")
_DATA = (".yaml", ".yml", ".json", ".jsonl")
_OTHERS = (".csv", ".js", ".cjs", ".mjs", ".ts", ".py", ".jsonl", ".go", ".rb", ".sh", ".exe", ".bat")
_REMOTE = ("langfuse://", "portkey://", "helicone://", "http://", "https://", "exec:", "package:")
_LONGEST = 500  # characters of a path


class Around(NamedTuple):
    """The files around a configuration, and its own path."""

    files: Files
    path: str

    def file(self, reference: str) -> tuple[str, str]:
        """Return the path that a configuration writes, and the text there. Raises Invalid."""
        written = reference.strip().removeprefix(FILE).removeprefix("./")
        if reference.startswith(_REMOTE):
            raise Invalid(f"{reference[:80]} is elsewhere; import it from there")
        if not written.endswith((*_TEXTS, ".jsonl")):
            raise Invalid(
                f"{written[:80]} is no file of texts, as a table or code is; write its texts into one"
            )
        if "*" in written:
            raise Invalid(f"{written[:80]} names files by a pattern; name each of them")
        path = self.resolve(written)
        if path not in self.files:
            raise Invalid(f"{written[:80]} is not there, or not below the folder that is imported")
        return written, sources.text(self.files[path])

    def resolve(self, written: str) -> str:
        """Return a path from the source's folder, for one from the configuration's."""
        return normpath(join(dirname(self.path), written.removeprefix(FILE)))


def configs(files: Files) -> list[str]:
    """Return the configurations among files: by their names, else the first file."""
    named = [path for path in files if PurePosixPath(path).name in CONFIGS]
    return named or list(files)[:1]


def load(files: Files, path: str) -> Mapping[str, Any]:
    """Read a configuration. Raises Invalid with the place."""
    found = sources.json_value(files[path]) if path.endswith(".json") else sources.yaml(files[path])
    if not isinstance(found, dict):
        raise Invalid("it is no configuration; write `prompts:`")
    return found


def wanted(files: Files) -> list[str]:
    """Return the paths that configurations name; what a file that is read names in turn is not followed."""
    found: dict[str, None] = {}
    for path in configs(files):
        around = Around(files, path)
        try:
            config = load(files, path)
        except Invalid:
            continue
        found |= dict.fromkeys(around.resolve(each) for each in _references(config))
    return [path for path in found if not path.startswith(("..", "/")) and path not in files]


def _references(config: Mapping[str, Any]) -> Iterator[str]:
    given = config.get("prompts")
    entries = given if isinstance(given, list) else list(given) if isinstance(given, dict) else [given]
    for entry in entries:
        text = entry.get("raw", entry.get("id")) if isinstance(entry, dict) else entry
        if isinstance(text, str) and is_path(text):
            yield text
    yield from _below({key: config.get(key) for key in ("tests", "defaultTest")})


def _below(value: Any) -> Iterator[str]:
    """Yield every ``file://`` in a value, without recursion."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and one.startswith(FILE):
            yield one
        elif isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one


def is_path(text: str) -> bool:
    """Tell whether promptfoo takes a text for the name of a file, or of a prompt elsewhere."""
    if text.startswith((FILE, *_REMOTE)):
        return True
    return (
        "\n" not in text and len(text) <= _LONGEST and text.endswith((*_TEXTS, *_OTHERS)) and " " not in text
    )


def data(around: Around, reference: str) -> list[Any]:
    """Return the tests of a file. Raises Invalid."""
    written = reference.removeprefix(FILE)
    if not written.endswith(_DATA):
        raise Invalid(f"the tests of {written[:80]}, as they are in a table or made by code")
    name, content = around.file(reference)
    raw = content.encode("utf-8", "surrogatepass")
    if name.endswith(".jsonl"):
        return [value for _, value in sources.json_lines(raw)]
    found = sources.json_value(raw) if name.endswith(".json") else sources.yaml(raw)
    return found if isinstance(found, list) else [found]
