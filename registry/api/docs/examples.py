"""Example answers for the documentation: `summarize`, with 1.3.0 rolled out to 25 % of production.

A test compares them with what a registry really answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.api.docs import evidence, review_shapes, suites

if TYPE_CHECKING:
    from promptstage.model import Json


OLD, NEW = f"sha256:{'5f' * 32}", f"sha256:{'c4' * 32}"
OLD_COMMIT, NEW_COMMIT = "1b" * 20, "9e" * 20
JOURNAL_COMMIT, START_COMMIT = "4d" * 20, "a7" * 20
EPOCH, SEQ = 1795600000, 41
EARLIER, SINCE, LATER = "2026-05-03T21:30:00Z", "2026-05-04T09:30:00Z", "2026-05-05T09:30:00Z"
DOCUMENT: Json = {
    "title": "Summarize",
    "description": "Summarize a support thread for an agent",
    "model": "openai/gpt-5.4-mini",
    "parameters": {"maxTokens": 300},
    "response_format": "text",
    "json_schema": None,
    "variables": [
        {"name": "text", "required": True, "default": None, "description": ""},
        {"name": "tone", "required": False, "default": "neutral", "description": "how it should sound"},
    ],
    "messages": [
        {"role": "system", "content": "You summarize support threads. Tone: {{tone}}. Next step first."},
        {"role": "user", "content": "{{text}}"},
    ],
    "metadata": {"owner": "support-platform"},
    "extra": {},
}
SUMMARY: Json = {
    "name": "summarize",
    "version": "1.3.0",
    "number": 1003000,
    "tag": "summarize/v1.3.0",
    "commit": NEW_COMMIT,
    "digest": NEW,
    "author": "Ada <ada@example.org>",
    "tagged_at": "2026-05-04T08:12:00Z",
    "message": "Next step first",
    "status": "valid",
    "problem": None,
    "warnings": [],
    "partials": [],
}
VERSION: Json = {**SUMMARY, "document": DOCUMENT}
PROMPTS: Json = {
    "data": [
        {
            "name": "summarize",
            "title": "Summarize",
            "description": "Summarize a support thread for an agent",
            "latest": "1.3.0",
            "versions": ["1.3.0", "1.2.0"],
        }
    ],
    "next_cursor": None,
}
VERSIONS: Json = {"data": [SUMMARY]}
DIFF: Json = {
    "unified": "--- summarize@1.2.0\n+++ summarize@1.3.0\n@@ -8,1 +8,1 @@\n"
    "-    content: You summarize support threads. Tone: {{tone}}.\n"
    "+    content: You summarize support threads. Tone: {{tone}}. Next step first.\n",
    "simplified": False,
    "changed": ["messages"],
    "partials": [],
}
RELEASE: Json = {
    "environment": "production",
    "prompt": "summarize",
    "epoch": EPOCH,
    "seq": SEQ,
    "targets": [
        {"when": [{"attribute": "tenant", "in": ["acme"]}], "version": "1.3.0", "arm": "canary"},
    ],
    "split": {
        "rollout": "r-5c1d8e0a9b27",
        "algo": "v1",
        "salt": "mV0c6nq1fTn2hQxS",
        "slots": [
            {"arm": "canary", "version": "1.3.0", "start": 0, "size": 25000},
            {"arm": "control", "version": "1.2.0", "start": 75000, "size": 25000},
        ],
    },
    "default": {"version": "1.2.0", "arm": "stable"},
    "versions": {
        "1.2.0": {"number": 1002000, "digest": OLD, "commit": OLD_COMMIT, "document": DOCUMENT},
        "1.3.0": {"number": 1003000, "digest": NEW, "commit": NEW_COMMIT, "document": DOCUMENT},
    },
    "recent": [],
}
RELEASES: Json = {"releases": [RELEASE], "missing": ["support/triage"]}
RESOLVED: Json = {
    "name": "summarize",
    "version": "1.3.0",
    "arm": "canary",
    "reason": "SPLIT",
    "rollout": "r-5c1d8e0a9b27",
    "bucket": 4711,
    "digest": NEW,
    "pin": f"r-5c1d8e0a9b27:1.3.0:canary:{NEW[7:19]}",
    "document": DOCUMENT,
}
STATE: Json = {
    "environment": "production",
    "prompt": "summarize",
    "epoch": EPOCH,
    "seq": SEQ,
    "stable": {"version": "1.2.0", "digest": OLD, "commit": OLD_COMMIT},
    "previous": None,
    "rollout": {
        "id": "r-5c1d8e0a9b27",
        "salt": "mV0c6nq1fTn2hQxS",
        "state": "running",
        "candidate": {"version": "1.3.0", "digest": NEW, "commit": NEW_COMMIT},
        "steps": [{"percent": 5, "hold": "12h"}, {"percent": 25, "hold": "24h"}, {"percent": 100}],
        "step": 1,
        "entered_at": SINCE,
        "advances_at": LATER,
        "audience": [{"when": [{"attribute": "tenant", "in": ["acme"]}]}],
    },
}
GUARD: Json = {
    "alpha": 0.05,
    "metrics": ["errors"],
    "on_harm": "rollback",
    "on_no_data": "hold",
    "on_small": "hold",
    "minimum": 100,
    "max_wait": 3.0,
    "tolerance": {"errors": 1.0},
    "constants": {},
}
ENVIRONMENT_GUARD: Json = {"required": False, "default": True, "guard": GUARD}
STATES: Json = {"data": [STATE]}
HISTORY: Json = {
    "data": [
        {
            "seq": SEQ,
            "at": SINCE,
            "actor": "release-bot",
            "op": "advance",
            "prompt": "summarize",
            "from": 5,
            "to": 25,
            "reason": "agents like it",
            "commit": JOURNAL_COMMIT,
        },
        {
            "seq": SEQ - 3,
            "at": EARLIER,
            "actor": "grace",
            "op": "start",
            "prompt": "summarize",
            "from": "1.2.0",
            "to": "1.3.0",
            "reason": "",
            "commit": START_COMMIT,
            "plan": [{"percent": 5, "hold": "12h"}, {"percent": 25, "hold": "24h"}, {"percent": 100}],
            "audience": [{"when": [{"attribute": "tenant", "in": ["acme"]}]}],
        },
    ],
    "next_cursor": None,
}
ACKNOWLEDGED: Json = {
    "epoch": EPOCH,
    "seq": SEQ,
    "commit": JOURNAL_COMMIT,
    "applied": True,
    "state": STATE,
}
AWAITING: Json = {
    "id": "a-77b0c2d94e1f",
    "op": "promote",
    "version": {"version": "1.3.0", "digest": NEW, "commit": NEW_COMMIT},
    "steps": [],
    "audience": [],
    "force": False,
    "reason": "agents like it",
    "asked_by": "ada",
    "token": "3f9a0c11d2e4",
    "asked_at": SINCE,
}
REQUESTED: Json = {
    "epoch": EPOCH,
    "seq": SEQ + 1,
    "commit": JOURNAL_COMMIT,
    "applied": True,
    "state": {**STATE, "seq": SEQ + 1, "awaiting_approval": AWAITING},
}
HEALTH: Json = {
    "status": "ready",
    "journal": "ok",
    "redis": "ok",
    "repository": "ok",
    "repository_age_seconds": 12.3,
}
START: Json = {"version": "1.3.0", "plan": "standard", "reason": "shorter, next step first"}
START_STEPS: Json = {
    "version": "1.3.0",
    "steps": [{"percent": 1, "hold": "10m"}, {"percent": 25, "hold": "1h"}, {"percent": 100}],
    "audience": [{"when": [{"attribute": "tenant", "in": ["acme", "globex"]}]}],
    "expect": {"stable": "1.2.0"},
}
START_GUARDED: Json = {
    "version": "1.3.0",
    "plan": "standard",
    "guard": {"metrics": ["errors", "latency"], "on_harm": "rollback"},
}
PROMOTE: Json = {"version": "1.3.0", "reason": "all is well"}
PLAIN: Json = {"reason": "too terse", "expect": {"rollout": "r-5c1d8e0a9b27"}}
QUESTION: Json = {"key": "user-42", "attributes": {"tenant": "acme"}}
POSITIONS: Json = {"names": {"summarize": f"{EPOCH}.{SEQ}", "support/triage": f"{EPOCH}.17"}, "edition": 2}
STREAM = (
    'event: release\ndata: {"environment":"production","prompt":"summarize",...}\n\n'
    f'event: heartbeat\ndata: {{"epoch": {EPOCH}, "seq": {SEQ}}}\n\n'
)
METRICS = """\
# HELP promptstage_rollout_percent The candidate's share of users, in a rollout under way.
# TYPE promptstage_rollout_percent gauge
promptstage_rollout_percent{environment="production",prompt="summarize"} 25.0
"""
CATALOG: Json = {
    "repository": "git@github.com:acme/prompts.git",
    "synced_at": "2026-05-04T09:30:00Z",
    "error": None,
    "prompts": 2,
    "versions": 7,
    "ignored": {
        "count": 2,
        "sample": ["v1.0"],
        "reasons": ["the name before the version is missing"],
        "other_things": {"count": 1, "sample": ["api/v1.2.0"]},
    },
    "moved": [{"tag": "summarize/v1.1.0", "pinned": OLD_COMMIT, "upstream": NEW_COMMIT}],
    "moved_count": 1,
    "failed": [],
    "invalid": {
        "count": 1,
        "sample": [
            {
                "name": "summarize",
                "version": "1.4.0-rc.1",
                "problem": {
                    "message": "a role is one of system, developer, user, assistant, tool",
                    "line": 4,
                    "column": 11,
                    "path": "prompts/summarize.prompt.yml",
                },
            }
        ],
    },
    "unread": 0,
}
CLIENTS: Json = {
    "data": [{"prompt": "summarize", "release": f"{EPOCH}.{SEQ}", "connected": 12, "current": 12}],
    "connected": 12,
    "registries": 2,
    "complete": True,
}
JOURNAL: Json = {
    "epoch": EPOCH,
    "seq": SEQ,
    "newest_at": "2026-05-04T09:31:00Z",
    "format": 4,
    "error": None,
    "mirror": {
        "url": "git@git.acme.example:ops/journal.git",
        "pushed_at": "2026-05-04T09:31:01Z",
        "behind": 0,
        "behind_s": 0.0,
        "failures": 0,
        "error": None,
    },
}
NOTIFICATIONS: Json = {
    "data": [
        {
            "name": "ops",
            "format": "slack",
            "signed": False,
            "events": ["rollout.*", "guard.*"],
            "waiting": 0,
            "failing": 0,
            "failing_since": None,
            "error": None,
            "lost": 0,
            "taken_at": "2026-05-04T09:31:01Z",
            "taken": "rollout.start",
        }
    ]
}
EXAMINATION: Json = {
    "checks": [
        {
            "name": "repository",
            "status": "ok",
            "message": "read 1 s ago: 2 prompts, 7 versions",
            "remedy": None,
        },
    ],
    "time": SINCE,
}
CALL_ID = "01a22a48-7c7e-77a6-be04-64309570d22b"
CALL_SENT: Json = {
    "id": CALL_ID,
    "at": "2026-11-30T02:28:43.262Z",
    "environment": "production",
    "prompt": "summarize",
    "version": "1.3.0",
    "arm": "canary",
    "reason": "SPLIT",
    "rollout": "r-5c1d8e0a9b27",
    "seq": SEQ,
    "unit": "0c0f6a1b2d3e4f50",
    "subject": "9f86d081884c7d65",
    "source": "live",
    "model": "openai/gpt-5.4-mini",
    "response_model": "gpt-5.4-mini-2026-03-17",
    "provider": "openai",
    "parameters": {"maxTokens": 300},
    "input_tokens": 1204,
    "output_tokens": 88,
    "cached_tokens": 1024,
    "reasoning_tokens": None,
    "cost_usd": 0.0012,
    "duration_ms": 812.4,
    "ttft_ms": 240.1,
    "error": None,
    "finish_reason": "stop",
    "flags": ["hallucinated_order"],
    "route": "POST /tickets",
    "segment": "free",
    "contexts": ["doc-7"],
    "tool_calls": [{"name": "get_order", "error": None}],
    "conversation": "60303ae22b998861",
    "trace_id": "b6f67f6cb22ec11d33a743b95bbfd122",
    "span_id": "db447434acd0ddd5",
    "started": False,
}
CALLS_SENT: Json = {"batch": "7c0f3a52-9a4e-4a41-8a52-0d8f5c0f4b11", "calls": [CALL_SENT]}
_RESOURCE: Json = {
    "attributes": [{"key": "deployment.environment.name", "value": {"stringValue": "production"}}]
}
_SPAN: Json = {
    "traceId": "b6f67f6cb22ec11d33a743b95bbfd122",
    "spanId": "db447434acd0ddd5",
    "parentSpanId": "1f0588f3bc4fdf44",
    "name": "chat gpt-5.4-mini",
    "startTimeUnixNano": "1795925611153019412",
    "endTimeUnixNano": "1795925611307437178",
    "attributes": [
        {"key": "promptstage.prompt", "value": {"stringValue": "summarize@1.2.0"}},
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-5.4-mini"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "120"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "24"}},
    ],
}
_LOG: Json = {
    "traceId": "b6f67f6cb22ec11d33a743b95bbfd122",
    "spanId": "db447434acd0ddd5",
    "timeUnixNano": "1795925640000000000",
    "eventName": "gen_ai.evaluation.result",
    "attributes": [
        {"key": "gen_ai.evaluation.name", "value": {"stringValue": "user_feedback"}},
        {"key": "gen_ai.evaluation.score.label", "value": {"stringValue": "thumbs_up"}},
    ],
}
_SCOPE: Json = {"name": "opentelemetry.instrumentation.genai.openai"}
OTLP: Json = {
    "traces": {
        "resourceSpans": [{"resource": _RESOURCE, "scopeSpans": [{"scope": _SCOPE, "spans": [_SPAN]}]}]
    },
    "logs": {
        "resourceLogs": [{"resource": _RESOURCE, "scopeLogs": [{"scope": _SCOPE, "logRecords": [_LOG]}]}]
    },
    "metrics": {"resourceMetrics": []},
}
FEEDBACK_SENT: Json = {"call": CALL_ID, "kind": "down", "comment": "too long"}
SCORES_SENT: Json = {
    "call": CALL_ID,
    "name": "judge",
    "value": 0.4,
    "judge": "gpt-5.4",
    "rubric": "sha256:5f5f",
}
RESOLUTION_SENT: Json = {"conversation": "ticket-4711", "ok": True}
CLAIM: Json = {"limit": 10, "lease_s": 300}
RESERVE: Json = {"call": CALL_ID, "lease": "5d6c...", "usd": 0.0041, "max_usd_per_day": 5}
SETTLE: Json = {
    "call": CALL_ID,
    "lease": "5d6c...",
    "outcome": "scored",
    "reservation": "8a0e...",
    "usd": 0.0006,
    "scores": [SCORES_SENT],
}
LABEL_SENT: Json = {"verdict": "bad", "expected": "A label goes out today.", "note": "It invents an order."}
PULLED_SENT: Json = {"cases": {CALL_ID: "parcel-64309570d22b"}}
ERASURE: Json = {"key": "user-42"}
TAKEN: Json = {"accepted": 1, "refused": [], "sample": 0.02}
CALL: Json = {
    **{
        name: value
        for name, value in CALL_SENT.items()
        if value is not None and name not in {"unit", "subject", "started", "flags"}
    },
    "arrived_at": "2026-11-30T02:28:44.430Z",
    "conversation": "3fefc2a67cee8228",
    "ended": True,
    "via": "client",
    "sampled": False,
    "erased": False,
    "feedback": [{"kind": "down", "value": None, "at": "2026-11-30T02:31:02.000Z"}],
    "scores": [],
    "flags": ["hallucinated_order"],
}
USAGE: Json = {
    "data": [
        {
            "period": "2026-11-30T00:00:00Z",
            "version": "1.3.0",
            "calls": 821,
            "errors": 26,
            "input_tokens": 1246856,
            "output_tokens": 164200,
            "cached_tokens": 0,
            "reasoning_tokens": 0,
            "cost_usd": 0.9852,
            "unpriced": 0,
            "p50_ms": 639.5,
            "p95_ms": 1670.4,
            "ttft_p50_ms": 235.2,
            "ttft_p95_ms": 388.9,
            "feedback": {"down": 12, "up": 40},
            "resolutions": 300,
            "cost_per_resolution": 0.003284,
            "prices": {"sender": 821},
        }
    ],
    "next_cursor": None,
}
BUDGETS: Json = {
    "data": [
        {
            "environment": "production",
            "prompt": "summarize",
            "route": None,
            "segment": None,
            "model": None,
            "period": "month",
            "start": "2026-11-01T00:00:00Z",
            "end": "2026-12-01T00:00:00Z",
            "usd": 50.0,
            "spent_usd": 41.5,
            "share": 0.83,
            "at": [0.5, 0.8, 1.0],
            "reached": 0.8,
            "calls": 31204,
            "unpriced": 12,
        }
    ]
}
ALERTS: Json = {
    "data": [
        {
            "environment": "production",
            "prompt": "summarize",
            "metric": "p95_ms",
            "over": "1h",
            "above": 4000.0,
            "ratio": None,
            "minimum": 200,
            "state": "high",
            "value": 4812.3,
            "limit": 4000.0,
            "count": 821,
            "firing_since": "2026-11-30T09:31:00Z",
        }
    ]
}
OF: dict[str, Json] = {  # an example of each shape that is an answer
    **suites.EXAMPLES,
    "Alerts": ALERTS,
    "Budgets": BUDGETS,
    "Acknowledgement": ACKNOWLEDGED,
    "Alive": {"status": "alive"},
    "Call": CALL,
    "CallPage": {"data": [CALL], "next_cursor": None},
    "CatalogStatus": CATALOG,
    "Claims": {
        "data": [
            {
                **CALL,
                "sampled": True,
                "response": "Next: send a label.",
                "rubrics": [review_shapes.RUBRIC["digest"]],
            }
        ],
        "lease": "5d6c...",
        "rubrics": {review_shapes.RUBRIC["digest"]: review_shapes.RUBRIC},
    },
    "Clients": CLIENTS,
    "Diff": DIFF,
    "EnvironmentGuard": ENVIRONMENT_GUARD,
    "Erased": {"calls": 12, "cases": []},
    "Examination": EXAMINATION,
    "Health": HEALTH,
    "History": HISTORY,
    "JournalStatus": JOURNAL,
    "Notifications": NOTIFICATIONS,
    "Prompts": PROMPTS,
    "Release": RELEASE,
    "Releases": RELEASES,
    "Requested": REQUESTED,
    "Resolved": RESOLVED,
    "State": STATE,
    "States": STATES,
    "Taken": TAKEN,
    "Usage": USAGE,
    "Evidence": evidence.EXAMPLE,
    **review_shapes.EXAMPLES,
    "Version": VERSION,
    "Versions": VERSIONS,
}
