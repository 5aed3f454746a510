"""The client: `get` decides in memory which version a key gets, and marks the context with it."""

from __future__ import annotations

import os
import sys
import weakref
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

from promptstage import stand_in
from promptstage._replica.lifecycle import ensure_followed, followed
from promptstage.errors import PromptUnavailable
from promptstage.evaluation import SPLIT
from promptstage.keys import as_key, check_attributes, current_defaults, merged
from promptstage.limits import FETCH_TIMEOUT, MAX_AGE
from promptstage.prompt import make_fallback
from promptstage.stamp import clear, holder, mark, stamped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from promptstage._calls.content import Redact
    from promptstage._http.transport import Token
    from promptstage._replica.release_store import HeldRelease
    from promptstage.call import Call
    from promptstage.prompt import Fallback, Prompt
    from promptstage.source import Source
    from promptstage.status import Status


_marked = holder.get  # bound once: to look the method up takes a fifth of a `get`


class Client:
    """Prompts of one environment, kept fresh in the background and served from memory.

    Make one for the whole process and share it between threads and tasks. After a fork the child's
    copy goes on by itself.

    Args:
        url: the registry; else PROMPTSTAGE_URL.
        token: the bearer token, or a callable that returns it, asked for every request, for tokens that
            are renewed while the app runs; else PROMPTSTAGE_TOKEN, as it is at every request.
        environment: else PROMPTSTAGE_ENVIRONMENT, else ``production``.
        prompts: names to have ready before they are first asked for.
        timeout: seconds that the first `get` of a name never seen may wait.
        max_age: seconds since the registry last confirmed what an earlier run left behind. Where it is
            older, the first `get` waits once for the registry, as for a name never seen, and then goes on
            with it if need be; else PROMPTSTAGE_MAX_AGE, else an hour.
        snapshot_dir: where releases outlive the process; else PROMPTSTAGE_SNAPSHOT_DIR, else the
            user's cache folder.
        log_content: whether the log line of a `call` has its content, too, as attributes: variables,
            messages and answer.
        report: whether calls are reported to the registry.
        content: whether content may be in such reports: that of the calls that the registry asks for.
        redact: called with the content of a call, a dict of JSON, before it leaves; returns what may, or
            None.

    Raises:
        ValueError: no URL was given, or it, the token, a name, `timeout` or `max_age` is not valid.
    """

    def __init__(  # noqa: PLR0913 - settings, by keyword
        self,
        url: str | None = None,
        *,
        token: Token = None,
        environment: str | None = None,
        prompts: Iterable[str] = (),
        timeout: float = FETCH_TIMEOUT,
        max_age: float | None = None,
        snapshot_dir: str | PathLike[str] | None = None,
        log_content: bool = False,
        report: bool = True,
        content: bool = True,
        redact: Redact | None = None,
    ) -> None:
        # Here, so that `import promptstage` costs an application that makes no client next to nothing.
        from promptstage._replica.replica import Replica  # noqa: PLC0415

        url = _setting(url, "PROMPTSTAGE_URL")
        self._log_content, self._redact = log_content, redact
        stand_in.clients.add(self)
        if prompts_of_test := stand_in.find(url):
            prompts_of_test.lend(self)
            return
        if not url:
            raise ValueError("no registry: pass its url, or set PROMPTSTAGE_URL")
        replica = Replica.connect(
            url,
            token=token or (lambda: os.environ.get("PROMPTSTAGE_TOKEN", "")),
            environment=_setting(environment, "PROMPTSTAGE_ENVIRONMENT") or "production",
            timeout=_seconds(timeout, "timeout"),
            max_age=_seconds(
                os.environ.get("PROMPTSTAGE_MAX_AGE") or MAX_AGE if max_age is None else max_age,
                "max_age (or PROMPTSTAGE_MAX_AGE)",
            ),
            snapshot_dir=snapshot_dir or os.environ.get("PROMPTSTAGE_SNAPSHOT_DIR"),
            report=report,
            content=content,
            redact=redact,
        )
        self._serve(replica)
        # A client that is dropped, or still there when the interpreter ends, leaves nothing behind.
        weakref.finalize(self, replica.stop)
        replica.subscribe([prompts] if isinstance(prompts, str) else prompts)

    _log_content = False  # of a client that a test makes
    _redact: Redact | None = None

    def _serve(self, source: Source) -> None:
        self._source = source
        self._held = source.held
        self._fast = source.held

    def get(  # noqa: PLR0913 - the contract; all but the name are optional
        self,
        name: str,
        *,
        key: str | int | None = None,
        attributes: Mapping[str, object] | None = None,
        version: str | None = None,
        pin: str | None = None,
        fallback: Fallback | None = None,
        stamp: bool = True,
    ) -> Prompt:
        """The version of a prompt that a key gets. Waits only for a name never seen, at most `timeout`.

        Args:
            name: the prompt.
            key: what stays on one version, such as a user id; else that of `context`, else a new
                random one each time.
            attributes: what a rollout's audience is compared with, added to those of `context`.
            version: exactly this version, whatever is rolled out, and whatever `pin` says.
            pin: the `pin` of the prompt that a conversation began with, to go on with its version, whatever
                the key. One of a version that is neither served nor recent, or no pin at all, is ignored.
            fallback: what to return if nothing at all is known: a text, messages, or a callable.
            stamp: mark the context, so that log lines from here on name this prompt; none, if this fails.

        Raises:
            PromptUnavailable: nothing is known, and there is no fallback.
            TypeError: the key is neither str nor int.
            ValueError: the version is not an exact one.
        """
        # The fast path: what is held, for a plain key. It takes a half of the time, of a split an eighth.
        try:
            holding = self._fast[name]  # in half the time of its `get`
        except KeyError:
            holding = None
        if (
            holding is not None
            and version is None
            and pin is None
            and attributes is None
            and (type(key) is str or key is None)
            and followed
        ):
            prompt = holding.static
            if prompt is None:
                by_key = holding.by_key
                if by_key is not None and key:
                    prompt = by_key(key)
                else:
                    prompt = self._choose_or_clear(
                        name, key, attributes, version, fallback, pin=pin, stamp=stamp
                    )
        else:
            prompt = self._choose_or_clear(name, key, attributes, version, fallback, pin=pin, stamp=stamp)
        if stamp and _marked() is not prompt.stamp:
            mark(prompt.stamp)
        return prompt

    async def aget(  # noqa: PLR0913 - as get
        self,
        name: str,
        *,
        key: str | int | None = None,
        attributes: Mapping[str, object] | None = None,
        version: str | None = None,
        pin: str | None = None,
        fallback: Fallback | None = None,
        stamp: bool = True,
    ) -> Prompt:
        """`get` for coroutines: a name never seen is fetched without blocking the event loop."""
        try:
            prompt = await self._achoose(name, key, attributes, version, fallback, pin=pin)
        except BaseException:
            if stamp:
                clear()
            raise
        if stamp:
            mark(prompt.stamp)
        return prompt

    @contextmanager
    def use(  # noqa: PLR0913 - as get
        self,
        name: str,
        *,
        key: str | int | None = None,
        attributes: Mapping[str, object] | None = None,
        version: str | None = None,
        pin: str | None = None,
        fallback: Fallback | None = None,
    ) -> Iterator[Prompt]:
        """`get` for one block: the log lines in it, and no others, name this prompt."""
        try:
            prompt = self._choose(name, key, attributes, version, fallback, pin=pin)
        except BaseException:
            clear(unless_exact=True)
            raise
        with stamped(prompt.stamp):
            yield prompt

    def call(  # noqa: PLR0913 - as get, and what is said of the call
        self,
        name: str,
        *,
        key: str | int | None = None,
        attributes: Mapping[str, object] | None = None,
        version: str | None = None,
        pin: str | None = None,
        fallback: Fallback | None = None,
        conversation: object = None,
        route: str | None = None,
        segment: str | None = None,
        contexts: Iterable[str] = (),
    ) -> Call:
        """Open the block of one call of a model: `use`, and a record of how the call went.

        Its end is one line on the logger ``promptstage.calls``. It takes what `get` takes, besides:

        Args:
            name: the prompt.
            key: as in `get`, like the four after it.
            attributes: see there.
            version: see there.
            pin: see there.
            fallback: see there.
            conversation: the one that the call belongs to, an id.
            route: the place in the application, such as ``POST /tickets``.
            segment: the group of users, such as ``free``.
            contexts: ids of what was retrieved for it.

        Raises:
            PromptUnavailable, TypeError, ValueError: as `get`, when the block begins; nothing else.
        """
        return _call_class()(
            self._source,
            self._choose,
            self._achoose,
            name,
            key=key,
            options=(attributes, version, fallback),
            pin=pin,
            conversation=conversation,
            route=route,
            segment=segment,
            contexts=contexts,
            log_content=self._log_content,
            redact=self._redact,
        )

    def feedback(self, call: str, given: str | float, *, comment: str | None = None) -> None:
        """Say what a person signalled about a call, whenever and wherever: its id is enough.

        Args:
            call: the `id` of the call.
            given: ``up``, ``down``, ``edited``, ``accepted``, ``regenerated``, or a number from 0 to 1. The
                same kind again replaces what was said.
            comment: in words.

        Raises:
            ValueError: it is something else.
        """
        from promptstage._calls.signals import feedback  # noqa: PLC0415 - as in `call`

        self._source.reporter.signal("feedback", feedback(call, given, comment))

    def resolved(self, conversation: object, *, ok: bool = True) -> None:
        """Say that a unit of business is done, and whether well: what its calls cost is the cost of that.

        Args:
            conversation: the one that its calls were made in.
            ok: whether it was resolved.

        Raises:
            ValueError: there is none, so that nothing would be told of it.
        """
        from promptstage._calls.signals import resolution  # noqa: PLC0415 - as in `call`

        self._source.reporter.signal("resolutions", resolution(conversation, ok=ok))

    def ready(self, timeout: float) -> bool:
        """Wait until the registry has confirmed every prompt asked for so far.

        Where none was, until the registry has answered; from then on the first `get` of a name takes what
        the registry serves, and not what an earlier run left behind.

        Args:
            timeout: seconds to wait at most.

        Returns:
            Whether it has. A prompt without a release is never ready; the log names those that are not.
        """
        ensure_followed()
        return self._source.ready(timeout)

    def status(self) -> Status:
        """Report what this client holds, its age, and the last error; made for a debug page.

        Returns:
            Plain values, ready for `json.dumps`; `promptstage.status` says what each of them means.
        """
        ensure_followed()
        return self._source.status()

    def close(self) -> None:
        """Stop the background thread. What is held can still be had; nothing new comes."""
        ensure_followed()  # or it would wait for locks and threads that are not here
        self._source.close()

    def __repr__(self) -> str:
        status = self.status()
        of = f" of {status['url']}" if status["url"] else ""
        return f"<{type(self).__module__}.{type(self).__name__}{of}: {status['environment']}>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        # Frameworks copy the configuration that they hold; its client stays the one of the process.
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Client is not pickled: a forked process has its parent's; "
            "where processes are spawned make one in each, as at the top of a module"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_known(self, name: str, version: str | None) -> bool:
        if version is not None:
            return self._source.pinned(name, version)
        holding = self._held.get(name)
        return holding is not None and not holding.is_stale

    async def _achoose(  # noqa: PLR0913 - as get
        self,
        name: str,
        key: str | int | None,
        attributes: Mapping[str, object] | None,
        version: str | None,
        fallback: Fallback | None,
        *,
        pin: str | None,
        unkeyed: str = "",
    ) -> Prompt:
        """Choose without blocking the event loop."""
        choose = partial(self._choose, name, key, attributes, version, fallback, pin=pin, unkeyed=unkeyed)
        return choose() if self._is_known(name, version) else await _in_thread(choose)

    def _choose_or_clear(  # noqa: PLR0913 - as get
        self,
        name: str,
        key: str | int | None,
        attributes: Mapping[str, object] | None,
        version: str | None,
        fallback: Fallback | None,
        *,
        pin: str | None,
        stamp: bool,
    ) -> Prompt:
        """Choose; if that fails, leave no stamp, for the prompt of before is not the one at work now."""
        try:
            return self._choose(name, key, attributes, version, fallback, pin=pin)
        except BaseException:
            if stamp:
                clear()
            raise

    def _choose(  # noqa: PLR0913 - as get
        self,
        name: str,
        key: str | int | None,
        attributes: Mapping[str, object] | None,
        version: str | None,
        fallback: Fallback | None,
        *,
        pin: str | None,
        unkeyed: str = "",
    ) -> Prompt:
        """Choose; `unkeyed` is the unit where there is no key, else that is drawn."""
        ensure_followed()
        if key is not None:
            key = as_key(key)
        if attributes is not None:
            check_attributes(attributes)
        try:
            if version is not None:
                return self._source.pin(name, version)
            holding = self._held.get(name)
            if holding is None or holding.is_stale:
                holding = self._source.find(name)
        except PromptUnavailable as error:
            if fallback is None:
                raise
            self._source.fell_back(error)
            return make_fallback(name, fallback, pin)
        if pin is not None:
            if prompt := holding.resume(pin):
                return prompt
            if pin or not isinstance(pin, str):  # an empty one is that of no conversation yet
                self._source.count("pins_ignored")
        return holding.static or self._decide(holding, key, attributes, unkeyed)

    def _decide(
        self, holding: HeldRelease, key: str | None, attributes: Mapping[str, object] | None, unkeyed: str
    ) -> Prompt:
        defaults = current_defaults()
        given = key or defaults.key
        if given is not None and holding.by_key is not None:
            return holding.by_key(given)
        # Without a key the unit is this very call: the shares are right, but nobody stays on an arm.
        prompt = holding.choose(
            given or unkeyed or os.urandom(16).hex(), merged(defaults.attributes, attributes)
        )
        if given is None and prompt.reason == SPLIT:
            self._source.count("random_keys")
        return prompt


@cache
def _call_class() -> type[Call]:
    """Import it for the first call: an application without calls does not pay for it."""
    from promptstage.call import Call  # noqa: PLC0415

    return Call


def _setting(given: str | None, variable: str) -> str:
    """Read a setting without the line break that a file of secrets, or of variables, ends with."""
    return (given or os.environ.get(variable) or "").strip()


def _seconds(given: float | str, what: str) -> float:
    """Return a number of seconds. Raises ValueError, so that no `get` fails later, beside its fallback."""
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = -1.0
    if not seconds >= 0:
        raise ValueError(f"{what} is a number of seconds, not {given!r}")
    return seconds


async def _in_thread(work: Callable[[], Prompt]) -> Prompt:
    """Run it in a thread of the event loop that runs here, which has its library imported already."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        prompt: Prompt = await trio.to_thread.run_sync(work)
        return prompt
    from asyncio import to_thread  # noqa: PLC0415

    return await to_thread(work)
