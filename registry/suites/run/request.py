"""What a prompt sends to a model: the same request that an application sends. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from promptstage.errors import PromptstageError
from promptstage.requests.openai import make_openai_request
from promptstage.requests.rendered import make_rendered
from promptstage.structured_rendering import make_renderer
from registry.suites.run.failure import AskFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.model import Document, Json
    from promptstage.rendering import Renderer
    from promptstage.structured_rendering import StructuredRenderer

STREAMED = ("stream", "stream_options")  # a streamed answer says the same; only the connection differs


@dataclass(frozen=True)
class Version:
    """A version of a prompt that is asked.

    Attributes:
        name: the prompt.
        label: what to call it: ``1.3.0``, ``main``, or ``worktree``.
        version: SemVer; None if it is not tagged.
        digest: ``sha256:<hex>`` of its content.
        document: the content.
        model: that is asked, with its publisher.
    """

    name: str
    label: str
    version: str | None
    digest: str
    document: Document
    model: str

    @cached_property
    def _renderer(self) -> Renderer | StructuredRenderer:
        return make_renderer(self.name, self.document)

    def request(self, values: Mapping[str, Any]) -> Json:
        """Render the arguments of chat completions, but for the model. Raises AskFailed."""
        try:
            messages = self._renderer.messages(values)
        except (PromptstageError, TypeError) as error:
            raise AskFailed(
                Kind.RENDERING, f"{self.name} {self.label} cannot be rendered: {error}"
            ) from error
        request = cast("Json", make_openai_request(make_rendered(self.name, self.document, messages)))
        return {key: value for key, value in request.items() if key not in {"model", *STREAMED}}
