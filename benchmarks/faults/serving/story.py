"""What a scenario of deployments is, and the deployment that it tells of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.faults.serving.endpoints import Call, Fault, FunctionKilledError
from benchmarks.faults.serving.workflow import DeploymentRun, Ended, request
from benchmarks.faults.serving.world import ServingWorld


@dataclass(frozen=True)
class ServingScenario:
    """What happens to a deployment, by the row of the table that it belongs in."""

    row: str
    label: str
    happen: Callable[[Story], Ended | None]
    """Goes through the deployment; what came of it, unless that is looked at within."""
    may_need_person: bool = False
    """Whether a region may be left as it is, if a person is told."""


@dataclass
class Story:
    """A deployment of a new version in a world where another one serves."""

    world: ServingWorld
    former: int
    number: int
    faults: int = 0
    violations: list[str] = field(default_factory=list)

    def deploy(self, action: str = "deploy", **asked: object) -> Ended:
        """Run an execution to its end."""
        return DeploymentRun(self.world, request(action, **asked)).run()

    def deploy_until(
        self, action: str, happen: Callable[[], None], *, region: str | None = None
    ) -> Ended:
        """Deploy, and let something happen, once, right before a call of the function.

        Args:
            action: For which the function makes the call.
            happen: What counts as a fault.
            region: Where the call is; None: anywhere.
        """

        def meet(call: Call, make: Callable[[], object]) -> object:
            if call.action == action and region in (None, call.region):
                self.world.services.fault = None
                self.faults += 1
                happen()
            return make()

        with self.under(meet):
            return self.deploy()

    @contextmanager
    def under(self, fault: Fault) -> Iterator[None]:
        """Let calls meet a fault, and count how often it did."""

        def counted(call: Call, make: Callable[[], object]) -> object:
            times, refusal = 0, None

            def made() -> object:
                nonlocal times, refusal
                times += 1
                try:
                    return make()
                except ClientError as error:
                    refusal = error
                    raise

            try:
                return fault(call, made)
            except (BotoCoreError, ClientError, FunctionKilledError) as error:
                # What the service itself refuses is none.
                self.faults += error is not refusal
                raise
            finally:
                self.faults += times > 1

        self.world.services.fault = counted
        try:
            yield
        finally:
            self.world.services.fault = None

    def check(self, what: str, *, holds: bool) -> None:
        """Note an invariant that does not hold: ``what`` is so instead."""
        if not holds:
            self.violations.append(f"{what}: {self.world.serving()}")
