"""Where a repository keeps its prompts: by its settings, in the worktree or in a commit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registry.catalog import naming
from registry.catalog.parsing import repository_settings
from registry.catalog.parsing.repository_settings import RepositorySettings
from registry.catalog.parsing.toml_source import FILE
from registry.cli.author import worktree
from registry.errors import DocumentInvalid

_NONE = RepositorySettings()


@dataclass(frozen=True, slots=True)
class Layout:
    """A git repository, or a folder outside of one, and its settings."""

    top: Path
    settings: RepositorySettings
    is_repository: bool = True

    def roots(self, folder: Path | None = None) -> list[Path]:
        """Return the prompts folders of the repository, or of a folder in it, which has the usual ones."""
        folder = folder or self.top
        settings = self.settings if folder.samefile(self.top) else _NONE
        places = settings.places(usual=(folder / naming.FOLDER).is_dir())
        return [folder / place for place in places if (folder / place).is_dir()]

    def is_excluded(self, file: Path) -> bool:
        """Return whether a file in a prompts folder is no prompt by the settings."""
        if not self.settings.exclude:
            return False
        whole = file.parent.resolve() / file.name
        above = [root for root in map(Path.resolve, self.roots()) if whole.is_relative_to(root)]
        return bool(above) and self.settings.is_excluded(whole.relative_to(above[-1]).as_posix())


def around(folder: Path) -> Layout:
    """Find the repository around a folder; outside of git it is the folder. Raises DocumentInvalid."""
    top = worktree.find(folder)
    return Layout(top or folder, read((top or folder) / FILE), is_repository=top is not None)


def read(file: Path) -> RepositorySettings:
    """Read settings from a worktree; none if the file is not there. Raises DocumentInvalid."""
    if file.is_symlink():
        raise DocumentInvalid(f"{FILE}: it is a symbolic link; make it a file", path=str(file))
    try:
        with file.open("rb") as stream:
            content = stream.read(repository_settings.SIZE_LIMIT + 1)
    except FileNotFoundError:
        return _NONE
    except OSError as error:
        message = f"{FILE}: it cannot be read: {error.strerror}; make it a file that you may read"
        raise DocumentInvalid(message, path=str(file)) from error
    return _parse(content, str(file))


def at_head(top: Path) -> RepositorySettings:
    """Read the settings that HEAD holds. Raises DocumentInvalid."""
    return _parse(worktree.content(top, FILE) or b"", FILE)


def _parse(content: bytes, path: str) -> RepositorySettings:
    try:
        return repository_settings.parse(content)
    except DocumentInvalid as error:
        said = f"{FILE}:{error.line}: {error.message}" if error.line else error.message
        raise DocumentInvalid(said, line=error.line, column=error.column, path=path) from error
