"""Every time-out, retry and bound of the client, and why it has that value. Seconds unless said otherwise."""

from __future__ import annotations

FETCH_TIMEOUT = 2.0
"""What the first `get` of a name never seen may cost: noticeable, but not a hung request."""

MAX_AGE = 3600.0
"""How old an earlier run's snapshot may be before the first `get` waits for the registry: a job that ends
before the stream brings anything would serve it for ever. A step of a rollout lasts hours."""

ANSWER_TIMEOUT = 5.0
"""How long an exchange may take to connect, and again to answer as a whole, however slowly its headers and
its body drip in. Longer than callers wait: what comes late for them is there for the next, and a short
`timeout` does not keep the stream from opening."""

LONGEST_ANSWER = 86_400.0
"""A `timeout` that is meant to have no end: sockets refuse infinity."""

BREAKER_PAUSE = 5.0
"""How long other first fetches fail at once after one failed: of five seconds at most two are waited."""

SILENCE = 12.0
"""A stream without an event for this long is dead: two heartbeats (5 s each) lost, and some slack."""

ATTEMPT_SPACING = 1.0
"""Never more than one attempt to connect in this time, whatever happens; new names are gathered meanwhile."""

GATHER = 0.05
"""How long to wait for more new names before the stream is opened again: a burst is one opening. A forked
child waits as long: it may be about to run another program, as one of `subprocess` with a `preexec_fn` is."""

BACK_OFF_BASE = 1.0
BACK_OFF_CAP = 30.0
"""Back-off doubles from base to cap: a fleet spreads out, and is back half a minute after the registry."""

RETRY_AFTER_CAP = 60.0
"""A `Retry-After` is honoured up to this, so that one wrong header does not silence a client for a day."""

POLL_EVERY = 10.0
"""Conditional polling where streaming cannot be had: a rollback reaches everyone within 15 seconds, also
when a stream is tried in between, which takes `SILENCE` to show that it is none."""

STREAM_RETRY = 60.0
"""How long to poll before streaming is tried again: a proxy's mood rarely changes sooner. After the first
failure it is tried again at once, as it may have been the registry that hung."""

JOIN = 1.0
"""How long `close` waits for threads. Shut sockets wake them at once; only a stuck look-up takes longer."""

TOUCH_EVERY = 60.0
"""How often confirmed snapshots get a new time, so that `age` stays true across a restart at little cost."""

MISSING_FOR = 30.0
"""How long a pinned version that the registry does not know is not asked for again: somebody may tag it."""

STALLED = 120.0
"""A background thread that has not run for this long is told of as stalled: longer than any pause it makes
itself, which is that of a `Retry-After` and the longest back-off together."""

READ_BYTES = 65_536
"""Bytes asked of a socket at once."""

BODY_BYTES = 16 * 1024 * 1024
"""The largest answer, event or snapshot: a handful of documents of 256 KiB each, escaped in the worst way."""

TEXT_CHARACTERS = 1000
"""What is kept of a text of others in errors and log lines: some sentences, and never a page of HTML."""

RULES = 1000
"""Versions, targets and slots of one release, each: a registry sends 5, 100 and 2 at most."""

EPOCH_AHEAD = 86_400.0
"""A release whose epoch lies further ahead than a day never replaces one that does not: no clock that is kept
is wrong by as much, and a time zone makes up for half of it."""

EPOCH_FARTHEST = 20 * 365 * 86_400.0
"""One that lies further ahead is not served at all. Twenty years, for the wrong clock may be that of here."""

CLOCK_FLOOR = 1_767_225_600.0
"""The beginning of 2026: a clock that shows less is wrong, for this was written later."""

PINNED_VERSIONS = 256
"""Pinned versions kept in memory; more are fetched again."""

UNRELEASED_NAMES = 256
"""Names without a release that `get` was asked for and that stay subscribed: more than any application has,
and few enough that names made out of user input fill neither the memory nor the stream's question."""

LOCK_TRIES = 50
LOCK_PAUSE = 0.02
"""Others hold the snapshots' lock for milliseconds; one that was stopped meanwhile delays us by a second."""

INQUIRE_EVERY = 60.0
"""How often the registry is asked why it has no release of a name that is followed: the answer is what
errors say, and may change (somebody tags it). One small request, so a fleet may do it."""

KEY_CHARACTERS = 256
"""The longest key that is taken from a header or a cookie: what is longer is a token, which changes. No
longer one is remembered, either."""

KEPT_KEYS = 8192
"""Keys whose prompt is remembered, for each rollout under way: the users of some minutes, in 1 MB where
a key is some 40 characters long."""

KEPT_PINS = 256
"""Pins whose prompt is remembered, for each release: one for each version, arm and rollout that conversations
began in. Only forged ones are more."""

RENDERED_BYTES = 1 << 20
"""Of all messages of a prompt in Mustache, in UTF-8: more than any model takes. Lists in nested sections
multiply, and a few lines of a file could fill the memory of an app."""

RENDERED_NODES = 100_000
"""Texts and tags that one rendering goes through, some 0.05 s: sections can multiply without any text, too.
A value that is neither text nor number counts for `RENDERED_JSON` more, as it is written as JSON."""

RENDERED_JSON = 4

MAX_TOKENS = 8192
"""Tokens of an answer, where an API requires a bound and the prompt has none: some 6000 words. It is as much
as Anthropic's SDK lets every model answer without streaming."""

CALL_LIST = 32
"""Flags, contexts and tools of one call that are recorded: as many as a registry keeps."""

QUEUE_BYTES = 8 * 1024 * 1024
"""What waits to be reported in a process: some minutes of a busy one, and no memory that anybody misses."""

REPORT_BYTES = 1400
"""What a record without content takes in memory, measured; it is what `QUEUE_BYTES` are counted in."""

BATCH_CALLS = 500
"""Records of one request: some 30 KB, compressed, and some 10 ms of work for either side."""

BATCH_BYTES = 1024 * 1024
"""Of one request, before it is compressed: what proxies let pass as they come."""

BATCH_EVERY = 1.0
"""How long records are gathered: rollouts are judged within seconds, a busy process sends once a second."""

FLUSH = 2.0
"""What the end of a process may take for what was not reported yet: less than any supervisor allows."""

SENDER_IDLE = 3600.0
"""How long a thread with nothing to send sleeps; whatever comes wakes it."""

COMMENT_CHARACTERS = 1000
"""Of feedback: some sentences."""

KEEP_CONNECTION = 4.0
"""How long a report's connection is there for the next one: servers end one that idles for five seconds."""
