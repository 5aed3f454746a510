"""Print the size of the code: python tests/house.py [CHECKOUT], which may be another commit's tree.

It counts the service and the client: modules and functions with their lines (a function's without its
docstring), and the public objects that have a docstring. `test_architecture.py` counts the import cycles.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOMS = ("registry", "client/promptstage")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def main(root: Path) -> None:
    """Print a row for each number."""
    files = sorted(file for room in ROOMS for file in (root / room).rglob("*.py"))
    trees = [ast.parse(file.read_text()) for file in files]
    modules = [len(file.read_text().splitlines()) for file in files]
    functions = [_lines(node) for tree in trees for node in ast.walk(tree) if isinstance(node, Function)]
    public = [node for tree in trees for node in _public(tree)]
    documented = sum(ast.get_docstring(node) is not None for node in public)
    rows = (
        ("modules", str(len(modules))),
        ("lines", str(sum(modules))),
        ("lines of a module, median / p90 / longest", _spread(modules)),
        ("modules over 300 lines", str(sum(length > 300 for length in modules))),
        ("functions", str(len(functions))),
        ("lines of a function, median / p90 / longest", _spread(functions)),
        ("functions over 25 lines", str(sum(length > 25 for length in functions))),
        ("functions over 50 lines", str(sum(length > 50 for length in functions))),
        ("public objects with a docstring", f"{documented} of {len(public)}"),
    )
    for name, value in rows:
        print(f"{name:<45}{value}")  # noqa: T201


def _lines(node: Function) -> int:
    """The lines of a function without its docstring, which may be as long as it needs to be."""
    said = node.body[0]
    is_docstring = isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant)
    length = (node.end_lineno or 0) - node.lineno + 1
    return length - ((said.end_lineno or 0) - said.lineno + 1) * is_docstring


def _public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | Function]:
    yield tree
    todo: list[ast.Module | ast.ClassDef] = [tree]
    while todo:
        for node in todo.pop().body:
            if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_") and _says(node):
                yield node
                if isinstance(node, ast.ClassDef):
                    todo.append(node)


def _says(node: ast.ClassDef | Function) -> bool:
    """Whether it can have a docstring; those of overloads stand once, below them."""
    return "overload" not in map(ast.unparse, node.decorator_list)


def _spread(lengths: Sequence[int]) -> str:
    cuts = quantiles(lengths, n=10)
    return f"{cuts[4]:.0f} / {cuts[8]:.0f} / {max(lengths)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1])
