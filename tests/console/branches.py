"""Which branches of the console's templates were rendered: a fault may be where nobody has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

if TYPE_CHECKING:
    from jinja2 import Environment


class Branches:
    """Watches an environment: what there is to render, and what was.

    A branch is the body of an `if`, `elif`, `else` or `for`, and either value of an inline `if`. It is named
    by its template, its line, and which of that line it is.
    """

    def __init__(self, environment: Environment) -> None:
        self.known: set[str] = set()
        self.seen: set[str] = set()
        self._parse = environment._parse
        environment._parse = self._watched  # type: ignore[method-assign]
        environment.globals["_render"] = self._note
        for name in environment.list_templates(extensions=["html"]):
            environment.get_template(name)

    @property
    def unseen(self) -> list[str]:
        """The branches that were never rendered."""
        return sorted(self.known - self.seen)

    def _note(self, branch: str, value: Any = "") -> Any:
        self.seen.add(branch)
        return value

    def _watched(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = self._parse(source, name, filename)
        for number, node in enumerate(list(tree.find_all((nodes.If, nodes.For, nodes.CondExpr)))):
            self._watch(node, f"{name}:{node.lineno} #{number}")
        tree.set_environment(tree.environment)  # type: ignore[arg-type] # of the nodes that are new
        return tree

    def _watch(self, node: Any, place: str) -> None:
        if isinstance(node, nodes.CondExpr):
            node.expr1 = self._call(f"{place} if", node.expr1)
            if node.expr2 is not None:
                node.expr2 = self._call(f"{place} else", node.expr2)
            return
        word = "for" if isinstance(node, nodes.For) else "if"
        node.body.insert(0, nodes.ExprStmt(self._call(f"{place} {word}")))
        if node.else_:
            node.else_.insert(0, nodes.ExprStmt(self._call(f"{place} else")))

    def _call(self, branch: str, *values: nodes.Expr) -> nodes.Call:
        self.known.add(branch)
        return nodes.Call(
            nodes.Name("_render", "load"), [nodes.Const(branch), *values], [], None, None, lineno=1
        )
