"""Faults around every call of a deployment's function, and what has to come of each.

A world goes on from scenario to scenario: each registers another version and deploys it, under a
fault and then without.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from benchmarks.faults.scenarios import ScenarioResult
from benchmarks.faults.serving import endpoints
from benchmarks.faults.serving.clock import ago
from benchmarks.faults.serving.endpoints import Call, FakeEndpoint, Fault, Site, sites
from benchmarks.faults.serving.guarded import guarded_scenarios
from benchmarks.faults.serving.story import ServingScenario, Story
from benchmarks.faults.serving.workflow import DeploymentRun, Ended, request
from benchmarks.faults.serving.world import REGIONS, ServingWorld

_PER_WORLD: Final = 12
"""Scenarios: looking for what served before describes every version."""
SINGLE: Final[Mapping[str, Fault]] = {
    "throttled": endpoints.throttled,
    "answer lost": endpoints.lost_answer,
    "made twice": endpoints.made_twice,
    "killed before": endpoints.killed_before,
    "killed after": endpoints.killed_after,
}
_OUTCOMES: Final = (
    *("silent_rollback", "no_capacity", "rollback_failed"),
    *("alarm", "alarm_and_rollback_failed"),
)
_DONE: Final = ("deployed", "rolled_back", "unchanged")


def run(world: ServingWorld, scenario: ServingScenario) -> ScenarioResult:
    """Deploy a new version under faults, look, deploy without, and look again."""
    former = next(iter(world.serving().values()))
    story = Story(world, former if isinstance(former, int) else 0, world.register())
    ended = scenario.happen(story)
    world.services.outcomes.clear()
    world.services.come_to_rest()
    if ended is not None:
        _look(story, ended, scenario)
    again = story.deploy(overwrite=True, version=story.number)
    is_done = again.output.get("status") in _DONE
    story.check(f"a rerun does not complete it ({again.cause})", holds=is_done)
    served = set(world.serving().values())
    story.check("after the rerun a region serves something else", holds=served == {story.number})
    for code in REGIONS:
        left = "deploying_with" in world.metadata(story.number, code)
        story.check(f"{code} is left as if a deployment were under way", holds=not left)
    return ScenarioResult(
        f"{scenario.row}: {scenario.label}",
        story.faults,
        survived=ended is not None and ended.status == "SUCCEEDED",
        violations=tuple(story.violations),
        reasons=(ended.cause,) if ended is not None and ended.cause else (),
    )


def _look(story: Story, ended: Ended, scenario: ServingScenario) -> None:
    """Check what has to hold after any end of an execution."""
    world = story.world
    served = set(world.serving().values())
    if ended.status == "needs_person":
        story.check(f"a person is needed ({ended.cause})", holds=scenario.may_need_person)
        story.check("nobody was told", holds=bool(world.services.messages))
        return
    story.check("the regions serve different versions", holds=len(served) == 1)
    story.check(
        "a region serves another version", holds=served <= {story.former or None, story.number}
    )
    if ended.status != "SUCCEEDED":
        story.check("no reason is told", holds=bool(ended.cause))
        story.check(f"{ended.status}, and not as before", holds=served == {story.former or None})
    for code in REGIONS:
        _look_at_region(story, code)


def _look_at_region(story: Story, code: str) -> None:
    world = story.world
    endpoint = world.services.endpoint(REGIONS[code])
    if endpoint is None:
        return
    number = world.version_with(endpoint.configuration, code)
    package = world.sagemaker(code).describe_model_package(ModelPackageName=world.arn(number, code))
    approval = package["ModelApprovalStatus"]
    story.check(
        f"{code} serves version {number}, which is {approval}", holds=approval == "Approved"
    )
    needed = {endpoint.configuration}
    if story.former:
        needed.add(world.metadata(story.former, code)["served_with"])
    story.check(f"{code} lacks what a rollback needs", holds=needed <= world.configurations(code))


def all_scenarios(*, every_call: bool) -> Iterator[ServingScenario]:
    """Yield the scenarios of the function.

    Args:
        every_call: Whether each call meets each fault; else the first of each operation in an
            action.
    """
    yield from special_scenarios()
    for name, outcome in (("deployment", None), ("taking back", "silent_rollback")):
        met = set[tuple[str, str]]()
        for site in planned_calls(outcome):
            is_new = name == "deployment" or site.action in ("take_back", "record_failure")
            if is_new and (every_call or (site.action, site.operation) not in met):
                met.add((site.action, site.operation))
                for kind, fault in SINGLE.items():
                    yield single_fault((name, kind), site, fault, outcome)
                yield stopped_at(name, site, outcome)


def planned_calls(outcome: str | None) -> list[Site]:
    """Return each call of a deployment of a second version.

    Args:
        outcome: How the update of the last region ends; None: it works.
    """
    with _serving_world() as world:
        story = Story(world, 1, world.register())
        _let_end(story, outcome)
        world.services.calls.clear()
        story.deploy()
        return sites(world.services.calls)


def _let_end(story: Story, outcome: str | None) -> None:
    if outcome is not None:
        story.world.services.outcomes["us-west-2"] = [outcome]


@contextmanager
def _serving_world() -> Iterator[ServingWorld]:
    """Emulate regions that serve a first version."""
    with ServingWorld().running() as world:
        world.register()
        DeploymentRun(world, request()).run()
        yield world


def results(scenarios: Iterator[ServingScenario]) -> Iterator[tuple[str, ScenarioResult]]:
    """Run scenarios, some in each world."""
    while group := list(itertools.islice(scenarios, _PER_WORLD)):
        with _serving_world() as world:
            for scenario in group:
                yield scenario.row, run(world, scenario)


def single_fault(
    row: tuple[str, str], site: Site, fault: Fault, outcome: str | None
) -> ServingScenario:
    """Let one call meet a fault.

    Args:
        row: What is under way, and the kind of the fault.
        site: The call.
        fault: The fault.
        outcome: How the update of the last region ends; None: it works.
    """
    name, kind = row

    def happen(story: Story) -> Ended:
        _let_end(story, outcome)
        with story.under(endpoints.at_call(site, fault)):
            return story.deploy()

    return ServingScenario(f"{name}: {kind}", str(site), happen)


def stopped_at(name: str, site: Site, outcome: str | None) -> ServingScenario:
    """Stop the execution at a call, with its function.

    Nothing is taken back, and a rerun has to complete it.
    """

    def happen(story: Story) -> None:
        _let_end(story, outcome)
        execution = DeploymentRun(story.world, request())

        def stop(call: Call, make: Callable[[], object]) -> object:
            execution.stop()
            return endpoints.killed_after(call, make)

        with story.under(endpoints.at_call(site, stop)):
            ended = execution.run()
        story.check(f"it ended as {ended.status}", holds=ended.status == "ABORTED")

    return ServingScenario(f"{name}: stopped", str(site), happen)


def special_scenarios() -> Iterator[ServingScenario]:
    """Yield what no fault of a single call is."""
    yield from guarded_scenarios()
    for code, region in REGIONS.items():
        for outcome in _OUTCOMES:
            name = outcome.replace("_", " ")
            yield ServingScenario(f"deployment: {name}", code, _ends(region, outcome))
        for when in ("resolve", "update", "look", "record"):
            label = f"{code} from {when} on"
            yield ServingScenario("deployment: region down a while", label, _down(region, when, 12))
            forever = _down(region, when, 10_000)
            yield ServingScenario("deployment: region down", label, forever, may_need_person=True)
    yield ServingScenario(
        "deployment: never ends", "EU, an update", _never_ends(REGIONS["EU"]), may_need_person=True
    )
    yield ServingScenario("deployment: approved twice", "two executions", _approved_twice)
    yield ServingScenario("deployment: rollback of a rollback", "twice", _rolled_back_twice)
    yield ServingScenario("deployment: changed by hand", "EU", _changed_by_hand)
    yield ServingScenario("deployment: approval revoked", "EU", _revoked)
    yield ServingScenario(
        "deployment: taking back fails", "NA", _cannot_be_returned, may_need_person=True
    )


def _ends(region: str, outcome: str) -> Callable[[Story], Ended]:
    def happen(story: Story) -> Ended:
        story.faults += 1
        story.world.services.outcomes[region] = [outcome]
        ended = story.deploy()
        story.check(f"it ended as {ended.status}", holds=ended.status == "taken_back")
        story.check("the reason does not name the region", holds=region in ended.cause)
        return ended

    return happen


def _never_ends(region: str) -> Callable[[Story], Ended]:
    def happen(story: Story) -> Ended:
        story.faults += 1
        story.world.services.outcomes[region] = ["never_ends"]
        ended = story.deploy()
        story.check(f"it ended as {ended.status}", holds=ended.status == "needs_person")
        story.check("how long it took is not told", holds="minutes" in ended.cause)
        return ended

    return happen


def _down(region: str, action: str, calls: int) -> Callable[[Story], Ended]:
    """Let a region be down from its first call for an action on, for some calls."""

    def happen(story: Story) -> Ended:
        left = calls
        is_down = False

        def meet(call: Call, make: Callable[[], object]) -> object:
            nonlocal left, is_down
            is_down = is_down or call.action == action
            if call.region == region and is_down and left > 0 and _is_of_region(call):
                left -= 1
                return endpoints.unreachable(call, make)
            return make()

        with story.under(meet):
            return story.deploy()

    return happen


def _is_of_region(call: Call) -> bool:
    """Whether a call is about the region: the workflow's own and the topic's are not."""
    return call.operation not in ("ListExecutions", "DescribeExecution", "Publish")


def _approved_twice(story: Story) -> Ended:
    content = story.world.metadata(story.number, "NA")["artifact_sha256"]
    asked = request(content=content, wait_for_approval=True, requested_by="approval")
    first = DeploymentRun(story.world, asked, started=ago(seconds=40))
    second = DeploymentRun(story.world, asked, started=ago(seconds=20))
    statuses = [each.run().output.get("status") for each in (first, second)]
    story.check(f"they ended as {statuses}", holds=statuses == ["superseded", "deployed"])
    return DeploymentRun(story.world, asked).run()


def _rolled_back_twice(story: Story) -> Ended:
    story.deploy()
    story.deploy("rollback")
    story.check(
        "it was not rolled back", holds=set(story.world.serving().values()) == {story.former}
    )
    return story.deploy("rollback")


def _changed_by_hand(story: Story) -> None:
    story.faults += 1
    story.world.services.endpoints[REGIONS["EU"]] = {
        "returns-risk": FakeEndpoint("returns-risk", "by-hand", status="InService")
    }
    ended = story.deploy()
    endpoint = story.world.services.endpoint(REGIONS["EU"])
    is_left = endpoint is not None and endpoint.configuration == "by-hand"
    story.check("it was overwritten, or not told", holds=is_left and "by-hand" in ended.cause)


def _revoked(story: Story) -> Ended:
    ended = story.deploy_until("try", lambda: story.world.decide(story.number, "Rejected", "EU"))
    _look(story, ended, ServingScenario("", "", _revoked))
    story.world.decide(story.number, "Approved", "EU")
    return ended


def _cannot_be_returned(story: Story) -> Ended:
    story.faults += 4
    story.world.services.outcomes = {
        REGIONS["NA"]: ["works", "silent_rollback", "silent_rollback", "silent_rollback"],
        REGIONS["FE"]: ["silent_rollback"],
    }
    ended = story.deploy()
    story.check(f"it ended as {ended.status}", holds=ended.status == "needs_person")
    return ended
