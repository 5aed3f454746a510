"""The specification's own scenarios: OpenFeature's SDK and provider at a real registry.

`vectors/openfeature/` holds them. A prompt stands for each flag. An object of a flag is written as the model
parameters of the prompt, and is looked for there: the value is the whole prompt. A variant is an arm.
Targeting is a rollout at 0 percent with an audience.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gherkin
import pytest
from openfeature import api as openfeature
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.hook import Hook
from support import PromptRepository, Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gherkin import Scenario, Step
    from openfeature.client import OpenFeatureClient
    from openfeature.flag_evaluation import FlagEvaluationDetails

VECTORS = Path(__file__).parents[1] / "vectors/openfeature"
FLAGS = json.loads((VECTORS / "test-flags.json").read_text())
SCENARIOS = [s for file in sorted(VECTORS.glob("*.feature")) for s in gherkin.read(file)]
OF_ANY_TYPE = {"Flag not found error", "Type mismatch error", "Flag not found", "Type error"}
OURS = {
    "template": "stable",  # the arm of those for whom nothing is rolled out
    "DEFAULT": "SPLIT",  # OFREP's document does not know that reason
}
UNFIT = {  # scenarios that no flag of ours can show, and why
    "Provider not ready error": "the SDK answers, before it asks a provider",
    "Provider in fatal state error": "the SDK answers, before it asks a provider",
    "Provider status accessibility": "the state is that of a provider, of which this one has a single one",
    "Evaluation options with hooks": "the order of hooks is the SDK's",
    "Evaluation context immutability": "whether its objects can be changed is the SDK's",
    "Asynchronous flag evaluation": "the Python provider has no asynchronous way; the SDK calls the other",
    "CACHED reason": "the provider keeps no evaluations",
    "DISABLED reason": "a prompt cannot be disabled: one without a release is not found",
    "Flag metadata in evaluation details": "metadata says which version it is, and nothing of an author's",
    "Multiple context attributes targeting": "audiences compare with values, and know no `age > 10`",
    "Passes evaluation details to after and finally hooks": "it asks for a boolean, and values are objects",
}


def kind(scenario: Scenario) -> str:
    """The type of the flag: a column of the row, or the first word of a step."""
    steps = " ".join(step.text for step in scenario.steps)
    return scenario.row.get("type") or next(iter(re.findall(r"a (\w+)-flag", steps)), "")


def why_not(scenario: Scenario) -> str:
    """Why a scenario does not fit; empty if it does."""
    if scenario.name in UNFIT:
        return UNFIT[scenario.name]
    if scenario.name == "Type mismatch error" and kind(scenario) == "Object":
        return "no flag has another type than object"
    if scenario.name not in OF_ANY_TYPE and kind(scenario) != "Object":
        return "values are objects"
    return ""


FIT = [scenario for scenario in SCENARIOS if not why_not(scenario)]


class Heard(Hook):
    """Notes what hooks are called with."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.details: FlagEvaluationDetails[Any] | None = None

    def before(self, hook_context: Any, hints: Any) -> None:
        """Before the provider is asked."""
        self.stages.append("before")

    def error(self, hook_context: Any, exception: Exception, hints: Any) -> None:
        """When it has failed."""
        self.stages.append("error")

    def finally_after(self, hook_context: Any, details: FlagEvaluationDetails[Any], hints: Any) -> None:
        """In any case."""
        self.details = details


@dataclass
class World:
    """What the steps of a scenario share."""

    client: OpenFeatureClient
    flag: str = ""
    type: str = ""
    default: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    found: FlagEvaluationDetails[Any] | None = None
    heard: Heard = field(default_factory=Heard)

    @property
    def details(self) -> FlagEvaluationDetails[Any]:
        """What came of the evaluation."""
        assert self.found
        return self.found


def read(text: str, kind: str) -> Any:
    """A value as the steps write it."""
    match kind.lower():
        case "object":
            return json.loads(text.replace('\\"', '"'))
        case "string":
            return text
    return json.loads(text)


def given_flag(world: World, step: Step, kind: str, flag: str, default: str) -> None:
    """A flag, its type, and what the app falls back to."""
    world.flag, world.type, world.default = flag, kind.lower(), read(default, kind)


def given_context(world: World, step: Step, key: str, kind: str, value: str) -> None:
    """An attribute."""
    world.attributes[key] = read(value, kind) if kind else None


def given_hook(world: World, step: Step) -> None:
    """A hook of this client."""
    world.client.add_hooks([world.heard])


def evaluate(world: World, step: Step) -> None:
    """Ask as an app does."""
    ask: Callable[..., FlagEvaluationDetails[Any]] = getattr(world.client, f"get_{world.type}_details")
    context = EvaluationContext(attributes=world.attributes) if world.attributes else None
    world.found = ask(world.flag, world.default, context)


def then_value(world: World, step: Step, value: str) -> None:
    """The value, or the default that is expected in its place."""
    found = world.details.value
    is_prompt = isinstance(found, dict) and "document" in found
    assert (found["document"]["parameters"] if is_prompt else found) == read(value, world.type)


def then_field(world: World, step: Step, name: str, value: str) -> None:
    """Another field of the details."""
    field = name.replace("-", "_").replace(" ", "_")
    assert getattr(world.details, field) == OURS.get(value, value)


def then_stage(world: World, step: Step, stage: str) -> None:
    """A stage of the hooks."""
    assert stage in world.heard.stages


def then_details(world: World, step: Step, stages: str) -> None:
    """What they were told at the end."""
    assert stages == "finally"
    expected = {row["key"]: read(row["value"], row["data_type"]) for row in step.table}
    told = {name: getattr(world.heard.details, name) for name in expected}
    assert told == {name: None if value == "null" else value for name, value in expected.items()}


STEPS: dict[str, Callable[..., None]] = {
    r'an? (\w+)-flag with key "(.*)" and a fallback value "(.*)"': given_flag,
    r'a context containing a key "(\w+)", with type "(\w+)" and with value "(.*)"': given_context,
    r'a context containing a key "(\w+)" with (null) value()': lambda w, s, key, *_: given_context(
        w, s, key, "", ""
    ),
    r"a client with added hook": given_hook,
    r"the flag was evaluated with details": evaluate,
    r'the resolved details value should be "(.*)"': then_value,
    r'the (flag key|variant|reason|error-code) should be "(.*)"': then_field,
    r'the "(\w+)" hook should have been executed': then_stage,
    r'the "([\w, ]+)" hooks should be called with evaluation details': then_details,
}


def run(world: World, step: Step) -> None:
    """Do one step; there is exactly one way to."""
    ((act, found),) = [(act, f) for pattern, act in STEPS.items() if (f := re.fullmatch(pattern, step.text))]
    act(world, step, *found.groups())


def prompt_for(flag: dict[str, Any]) -> str:
    """The file of a prompt that stands for a flag."""
    value = flag["variants"].get(flag.get("defaultVariant"))
    parameters = value if isinstance(value, dict) else {}
    messages = [{"role": "user", "content": "{{text}}"}]
    return json.dumps({"modelParameters": parameters, "messages": messages})


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with a prompt for each flag that is asked for; the targeted ones have an audience."""
    folder = tmp_path_factory.mktemp("flags")
    repository = PromptRepository(folder / "repository")
    names = {name for name in FLAGS for s in FIT for step in s.steps if f'"{name}"' in step.text}
    for name in names:
        repository.tag(name, "1.0.0", prompt_for(FLAGS[name]))
        repository.tag(name, "1.1.0", prompt_for(FLAGS[name]))
    (folder / "rules.toml").write_text("[protocols]\nofrep = true\n")
    registry = Registry(repository.path, folder / "data", config=str(folder / "rules.toml"))
    for name in names:
        assert registry.api.act("promote", name, {"version": "1.0.0"}).status == 200
        if wanted := re.match(r"email == '(.*)' \?", FLAGS[name].get("contextEvaluator", "")):
            audience = [{"when": [{"attribute": "email", "in": [wanted[1]]}]}]
            body = {"version": "1.1.0", "steps": [{"percent": 0}], "audience": audience}
            assert registry.api.act("start", name, body).status == 200
    yield registry
    assert registry.stop() == 0, registry.log


@pytest.fixture(scope="module")
def domain(flags: Registry) -> Iterator[str]:
    """The provider of an app."""
    headers = {"Authorization": f"Bearer {flags.api.token}"}
    provider = OFREPProvider(f"{flags.url}/v1/environments/production", headers_factory=lambda: headers)
    openfeature.set_provider(provider, "scenarios")
    yield "scenarios"
    openfeature.shutdown()


@pytest.mark.parametrize("scenario", FIT, ids=lambda s: f"{s.name} {kind(s)}")
def test_a_scenario(scenario: Scenario, domain: str) -> None:
    """It comes to what its steps say."""
    world = World(openfeature.get_client(domain))
    for step in scenario.steps:
        run(world, step)
    assert world.found


def test_all_scenarios_are_here() -> None:
    """Those of the two files, of which so many fit; each reason is that of one."""
    names = {scenario.name for scenario in SCENARIOS}

    assert (len(SCENARIOS), len(FIT)) == (85, 20)
    assert UNFIT.keys() <= names
