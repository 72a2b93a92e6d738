"""What alarms do to a deployment, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.faults.serving.story import ServingScenario, Story
from benchmarks.faults.serving.workflow import Ended
from benchmarks.faults.serving.world import REGIONS


def guarded_scenarios() -> Iterator[ServingScenario]:
    """Yield what alarms have to do with, but for those that end an update while it bakes."""
    for code, region in REGIONS.items():
        for name, happen in (("trips", _trip), ("is deleted", _delete_alarm)):
            label, row = f"{code} after success", f"deployment: alarm {name}"
            yield ServingScenario(row, label, _after_success(region, happen))
        yield ServingScenario("deployment: old fleet fails", code, _old_fleet_fails(region))
    for action, status in (("try", "taken_back"), ("record", "SUCCEEDED")):
        label = f"NA, at {action} in FE"
        yield ServingScenario("deployment: alarm is late", label, _late(action, status))
    yield ServingScenario("deployment: alarms without data", "everywhere", _without_data)


def _after_success(
    region: str, happen: Callable[[Story, str, str], None]
) -> Callable[[Story], Ended]:
    """Let something happen to the alarm of a version that serves in a region."""

    def deploy(story: Story) -> Ended:
        ended = story.deploy_until(
            "try", lambda: happen(story, region, _latency_alarm(story, region)), region=region
        )
        story.check(f"it ended as {ended.status}", holds=ended.status == "taken_back")
        story.check("the reason does not name the alarm", holds="-latency" in ended.cause)
        return ended

    return deploy


def _latency_alarm(story: Story, region: str) -> str:
    """Name the alarm of what serves in a region at the time."""
    endpoint = story.world.services.endpoint(region)
    return "" if endpoint is None else f"{endpoint.configuration}-latency"


def _trip(story: Story, region: str, name: str) -> None:
    story.world.services.alarms.trip(region, name)


def _delete_alarm(story: Story, region: str, name: str) -> None:
    story.world.services.alarms.delete(region, name)


def _late(action: str, status: str) -> Callable[[Story], Ended]:
    """Let the first wave's alarm trip long after its bake time, because metrics came late.

    Args:
        action: When it does, in the last wave.
        status: How the deployment has to end: when it records, nobody looks at alarms any more.
    """
    region = REGIONS["NA"]

    def deploy(story: Story) -> Ended:
        ended = story.deploy_until(
            action,
            lambda: _trip(story, region, _latency_alarm(story, region)),
            region=REGIONS["FE"],
        )
        story.check(f"it ended as {ended.status}", holds=ended.status == status)
        return ended

    return deploy


def _old_fleet_fails(region: str) -> Callable[[Story], Ended]:
    """Let the alarm of the former fleet trip while the new one bakes: it ends nothing."""

    def deploy(story: Story) -> Ended:
        former = _latency_alarm(story, region)
        ended = story.deploy_until("look", lambda: _trip(story, region, former), region=region)
        story.check(f"it was taken back: {ended.cause}", holds=ended.status == "SUCCEEDED")
        return ended

    return deploy


def _without_data(story: Story) -> Ended:
    """Deploy without a request: it succeeds, and people are told that nothing was proven."""
    story.faults += 1
    ended = story.deploy()
    told = str(story.world.services.messages[-1]["Message"])
    story.check(f"it ended as {ended.status}", holds=ended.status == "SUCCEEDED")
    story.check("nobody was told", holds="Nothing was proven in" in told)
    return ended
