"""Send what a run came to, so that an environment that requires a proof takes the version."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from registry.cli import http, output
from registry.errors import Invalid
from registry.suites.attestation import MAX_IDS
from registry.wording import paths
from registry.wording.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from promptstage.model import Json
    from registry.cli.suites.plan import Plan
    from registry.suites.run.report import PromptReport, Report

FOLDER = ".promptstage/reports"  # from the top of the repository: what attestations name by their digests


def require_comparable(plan: Plan) -> None:
    """Let pass a plan whose baselines are versions, as the gate compares with those. Raises Invalid."""
    for baseline in filter(None, (item.baseline for item in plan.items)):
        if baseline.version is None:
            raise Invalid(
                f"{clean(baseline.label)} is no version that a comparison of {baseline.name} can be attested "
                "with; give --against stable, or a version"
            )


def send(report: Report, top: Path) -> None:
    """Keep the report of each prompt that was run to its end, and attest it. Raises RegistryError."""
    for prompt in report.prompts:
        if prompt.result == "incomplete":
            output.note(f"{prompt.prompt} is not attested, as it was not run to its end")
            continue
        data = json.dumps(report.of(prompt).to_json(), indent=1).encode()
        digest = sha256(data).hexdigest()
        file = top / FOLDER / f"{digest}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        http.connect().post(paths.ATTESTATIONS, _body(prompt, f"sha256:{digest}"), "attestation")
        said = f"attested {prompt.prompt} {clean(prompt.candidate.label)} as {prompt.result}"
        output.tell(f"{said}, with the report {file.relative_to(top)}")


def _body(prompt: PromptReport, report: str) -> Json:
    models = prompt.candidate.response_models
    return {
        "prompt": prompt.prompt,
        "digest": prompt.candidate.digest,
        "suite": prompt.suite,
        "model": prompt.candidate.model,
        "response_model": models[0] if len(models) == 1 else None,
        "judge": prompt.judge,
        "against": prompt.against.version if prompt.against else None,
        "cases": prompt.cases,
        "passed": prompt.candidate.passed,
        "result": prompt.result,
        "regressed": prompt.regressed[:MAX_IDS],
        "fixed": prompt.fixed[:MAX_IDS],
        "flaky": prompt.flaky[:MAX_IDS],
        "report": report,
    }
