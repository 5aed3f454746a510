"""A call counts once, however many spans of it there are, and two calls are never taken for one."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from registry.outcomes.call import DAY_MS, UUID7, time_of
from registry.outcomes.otlp import merging
from registry.outcomes.otlp.calls import call as made
from registry.outcomes.otlp.merged import Merged
from registry.outcomes.otlp.observation import Observation, Prompt, Said

MS = 1_000_000
PROMPT = Prompt(name="summarize", version="1.0.0")


def seen(span_id: str, scope: str, start: int, end: int, **values: Any) -> Observation:
    """A call as one span says it; times in milliseconds."""
    return Observation(
        trace_id="t",
        span_id=span_id,
        parent_id=values.pop("parent", ""),
        scope=scope,
        start=start * MS,
        end=end * MS,
        prompt=values.pop("prompt", None),
        said=Said(duration_ms=float(end - start), **values),
    )


def link(span_id: str, parent: str = "", prompt: Prompt | None = None) -> Observation:
    """A span that is no call."""
    return Observation(trace_id="t", span_id=span_id, parent_id=parent, prompt=prompt)


def together(*spans: Observation) -> list[set[str]]:
    """Which spans are one call, the same in every order."""
    found = {
        str(sorted(sorted({call.span_id, *call.also_spans}) for call in merging.calls(order, {})))
        for order in permutations(spans)
    }
    assert len(found) == 1
    return [{call.span_id, *call.also_spans} for call in merging.calls(spans, {})]


def only(*spans: Observation) -> Merged:
    """The one call that they are."""
    (call,) = merging.calls(spans, {})
    return call


def test_one_response_id() -> None:
    """Spans of two scopes with one response id are one call wherever they are."""
    one, other = seen("a", "x", 1, 5, response_id="r"), seen("b", "y", 50, 60, response_id="r")

    assert together(one, other) == [{"a", "b"}]


def test_parallel_calls() -> None:
    """Within one scope two spans are two calls, even with one parent and at one time."""
    assert together(seen("a", "x", 1, 5), seen("b", "x", 1, 5)) == [{"a"}, {"b"}]


def test_a_sibling_within_the_time_of_another() -> None:
    """Without a response id, as in errors, place and time tell."""
    outer, inner = seen("a", "x", 1, 9, parent="p"), seen("b", "y", 2, 8, parent="p")

    assert together(outer, inner) == [{"a", "b"}]
    assert together(outer, seen("b", "y", 2, 10, parent="p")) == [{"a"}, {"b"}]
    assert together(outer, seen("b", "y", 2, 8, parent="q")) == [{"a"}, {"b"}]


def test_two_response_ids() -> None:
    """Place and time do not speak against ids."""
    outer = seen("a", "x", 1, 9, parent="p", response_id="r1")

    assert len(together(outer, seen("b", "y", 2, 8, parent="p", response_id="r2"))) == 2


def test_a_retry_within_a_call() -> None:
    """Of two inner calls the one with the outer's id is its; the failed one is a call of its own."""
    outer = seen("a", "x", 1, 9, response_id="r")
    failed = seen("b", "y", 2, 4, parent="a", error="RateLimitError")
    answered = seen("c", "y", 5, 8, parent="a", response_id="r")

    assert sorted(map(sorted, together(outer, failed, answered))) == [["a", "c"], ["b"]]


def test_the_closest_in_time() -> None:
    """Each of two outer siblings gets the inner one that fits it best."""
    spans = [seen("a", "x", 1, 20), seen("b", "x", 2, 10), seen("c", "y", 2, 19), seen("d", "y", 3, 9)]

    assert sorted(map(sorted, together(*spans))) == [["a", "c"], ["b", "d"]]


def test_three_instrumentations() -> None:
    """A framework, an instrumentation of the SDK, and the SDK itself."""
    spans = [
        seen("a", "x", 1, 9),
        seen("b", "y", 2, 8, parent="a", response_id="r"),
        seen("c", "z", 3, 7, parent="b", response_id="r"),
    ]

    assert together(*spans) == [{"a", "b", "c"}]


def test_values_of_the_outer_span_first() -> None:
    """Its gaps are filled from within; what was billed the SDK knows best."""
    outer = seen("a", "x", 1, 9, error="RateLimitError", output_tokens=25, response_id="r")
    inner = seen(
        *("b", "com.anthropic.sdk.python", 2, 8),
        error="rate_limit_error",
        output_tokens=24,
        ttft_ms=3.0,
        response_id="r",
    )
    call = only(inner, outer)

    assert (call.span_id, call.also_spans) == ("a", ("b",))
    assert (call.said.error, call.said.output_tokens) == ("RateLimitError", 24)
    assert (call.said.ttft_ms, call.said.duration_ms) == (3.0, 8.0)


def test_tools_of_any_span() -> None:
    """Names win over "none"; where one says that there were some and no one which, it is unknown."""
    nothing, unknown, named = (), None, ("get_order",)

    def merged(*tools: tuple[str, ...] | None) -> tuple[str, ...] | None:
        spans = [seen(f"{i}", f"{i}", 1, 9, response_id="r", tool_calls=one) for i, one in enumerate(tools)]
        return only(*spans).said.tool_calls

    assert merged(nothing, named) == named
    assert merged(unknown, named) == named
    assert merged(nothing, unknown) is None
    assert merged(nothing, nothing) == ()


def test_tools_of_log_records() -> None:
    """They are joined by the span, the inner one's, too."""
    spans = seen("a", "x", 1, 9, response_id="r"), seen("b", "y", 2, 8, response_id="r", tool_calls=())

    (call,) = merging.calls(spans, {"b": ("get_order",)})

    assert call.said.tool_calls == ("get_order",)


def test_the_prompt_of_the_nearest_ancestor() -> None:
    """A call that names none has that of the nearest span above which does; never that of one below."""
    other = Prompt(name="other", version="2.0.0")
    call = seen("call", "x", 1, 9, parent="near")
    above = [link("near", "middle"), link("middle", "top", PROMPT), link("top", "", other)]

    assert only(call, *above).prompt == PROMPT
    assert only(call, link("below", "call", PROMPT)).prompt is None
    assert only(call, link("beside", "near", PROMPT), link("near")).prompt is None


def test_an_inner_span_names_the_prompt() -> None:
    """What the call's own spans say goes before any ancestor."""
    outer = seen("a", "x", 1, 9, parent="top", response_id="r")
    inner = seen("b", "y", 2, 8, parent="a", response_id="r", prompt=PROMPT)

    assert only(outer, inner, link("top", "", Prompt(name="other", version="1.0.0"))).prompt == PROMPT


def test_spans_that_are_their_own_ancestors() -> None:
    """Bad data turns in circles; this does not."""
    spans = [
        seen("a", "x", 1, 9, parent="b"),
        seen("b", "y", 1, 9, parent="a"),
        seen("c", "x", 1, 2, parent="c"),
    ]

    assert len(merging.calls(spans, {})) == 2


def test_a_span_that_comes_twice() -> None:
    """The first one counts: a repeated batch changes nothing."""
    first, second = seen("a", "x", 1, 9, input_tokens=1), seen("a", "x", 1, 9, input_tokens=2)

    assert only(first, second).said.input_tokens == 1


def test_many_siblings() -> None:
    """A thousand calls at once, each seen twice, are a thousand calls, found in good time."""
    outer = [seen(f"o{i}", "x", i, i + 20, parent="p") for i in range(1, 1001)]
    inner = [seen(f"i{i}", "y", i, i + 19, parent="p") for i in range(1, 1001)]

    assert len(merging.calls(outer + inner, {})) == 1000


def test_clocks_that_say_nothing() -> None:
    """Without a start, time tells nothing: two spans stay two."""
    assert len(together(seen("a", "x", 0, 0, parent="p"), seen("b", "y", 0, 0, parent="p"))) == 2


def test_several_requests_of_one_record() -> None:
    """A record of the client's that made two requests, such as one after a tool, is one call of both."""
    first = seen("a", "x", 1, 5, client_call="c", input_tokens=100, tool_calls=("get_order",), ttft_ms=2.0)
    second = seen(
        "b", "x", 7, 9, client_call="c", input_tokens=20, output_tokens=5, cost_usd=0.5, tool_calls=()
    )
    call = only(second, first)

    assert (call.span_id, call.also_spans, call.start) == ("a", ("b",), MS)
    assert (call.said.input_tokens, call.said.output_tokens, call.said.cost_usd) == (120, 5, 0.5)
    assert (call.said.cached_tokens, call.said.duration_ms, call.said.ttft_ms) == (None, 8.0, 2.0)
    assert call.said.tool_calls == ("get_order",)


def test_the_id_of_a_call() -> None:
    """It is a UUIDv7 of its start, and the same whenever the same spans are read."""
    arrived = 1_795_925_619_516
    merged = Merged(
        trace_id="1" * 32,
        span_id="2" * 16,
        also_spans=(),
        start=(arrived - 5000) * MS,
        prompt=PROMPT,
        said=Said(),
    )

    call = made(merged, arrived)

    assert UUID7.fullmatch(call.id)
    assert (call.at, time_of(call.id)) == (arrived - 5000, arrived - 5000)
    assert made(merged, arrived + 1000).id == call.id
    assert made(replace(merged, span_id="3" * 16), arrived).id != call.id


@pytest.mark.parametrize("start", [0, 1, 2 * DAY_MS])
def test_a_wrong_clock(start: int) -> None:
    """A call that says that it began days before or after it arrived, or not when, began when it arrived."""
    merged = Merged(
        trace_id="1" * 32, span_id="2" * 16, also_spans=(), start=start * MS, prompt=None, said=Said()
    )
    arrived = 400 * DAY_MS

    assert made(replace(merged, start=(arrived + start) * MS if start > 1 else start), arrived).at == arrived
