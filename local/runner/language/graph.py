"""The order of a pipeline's steps: dependencies, checks, and running them in parallel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from constructs_lib.language.dependencies import find_cycle
from constructs_lib.language.references import EXECUTION_VARIABLES
from local.runner.language.definition import PipelineDefinition, Step
from local.runner.language.errors import DefinitionError, ReferenceResolutionError
from local.runner.language.references import functions_in, references_in

Dependencies = Mapping[str, frozenset[str]]
"""The names of the steps that each step waits for, in the definition's order."""


def dependencies_of(definition: PipelineDefinition) -> Dependencies:
    """Return what each step waits for: DependsOn, references, and the Condition step around it.

    Raises:
        DefinitionError: a step is unknown, or steps wait for each other.
        ReferenceResolutionError: a reference can never be resolved.
    """
    steps = {step.name: step for step in definition.steps}
    parameters = frozenset(parameter.name for parameter in definition.parameters)
    dependencies = {step.name: _dependencies(step, steps, parameters) for step in definition.steps}
    if cycle := find_cycle(dependencies):
        raise DefinitionError(f"Steps wait for each other: {' -> '.join(cycle)}.")
    return dependencies


def _dependencies(
    step: Step, steps: Mapping[str, Step], parameters: frozenset[str]
) -> frozenset[str]:
    names = set(step.depends_on)
    if unknown := sorted(names - steps.keys()):
        raise DefinitionError(
            f"Step '{step.name}' depends on '{unknown[0]}', which is not a step. "
            f"The steps are: {', '.join(steps)}."
        )
    for expression in references_in(step.arguments):
        names |= _referenced_step(expression, step, steps, parameters)
    for function, argument in functions_in(step.arguments):
        _check_function(function, argument, step)
    if step.branch is not None:
        names.add(step.branch.step)
    return frozenset(names)


def _referenced_step(
    expression: str, step: Step, steps: Mapping[str, Step], parameters: frozenset[str]
) -> set[str]:
    source, _, rest = expression.partition(".")
    name, _, path = rest.partition(".")
    file_name = path.removeprefix("PropertyFiles.")
    match source:
        case "Parameters" if rest in parameters:
            return set()
        case "Execution" if rest in EXECUTION_VARIABLES:
            return set()
        case "Steps" if name in steps and file_name == path:
            return {name}
        case "Steps" if name in steps and any(
            file.name == file_name for file in steps[name].property_files
        ):
            return {name}
    allowed = {
        "Parameters": ", ".join(sorted(parameters)),
        "Execution": ", ".join(EXECUTION_VARIABLES),
        "Steps": ", ".join(steps),
    }
    raise ReferenceResolutionError(
        f"Step '{step.name}' refers to '{expression}', which does not exist. "
        f"{source} has: {allowed.get(source, 'nothing; Parameters, Execution or Steps')}."
    )


def _check_function(function: str, argument: object, step: Step) -> None:
    match function, argument:
        case "Std:Join", {"Values": [*_]}:
            return
        case "Std:JsonGet", {"PropertyFile": {"Get": str()}, "Path": str()}:
            return
    raise ReferenceResolutionError(
        f"Step '{step.name}' calls '{function}' in a form that the local runner does not "
        "resolve. It resolves Std:Join of Values, and Std:JsonGet of a PropertyFile and a Path."
    )


class _Progress:
    """Which steps have become ready, given those that are finished."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._missing = {name: len(needed) for name, needed in dependencies.items()}
        self._dependants: dict[str, list[str]] = {name: [] for name in dependencies}
        for name, needed in dependencies.items():
            for dependency in needed:
                self._dependants[dependency].append(name)
        self.ready = deque(name for name, count in self._missing.items() if count == 0)

    def finish(self, name: str) -> None:
        for dependant in self._dependants[name]:
            self._missing[dependant] -= 1
            if self._missing[dependant] == 0:
                self.ready.append(dependant)


def run_in_order(
    dependencies: Dependencies,
    run_step: Callable[[str], None],
    *,
    max_parallel: int,
    stopping: Event,
) -> None:
    """Call ``run_step`` for every step, after those it waits for, in ``max_parallel`` threads.

    An exception of ``run_step``, or of the waiting thread (Ctrl-C), sets ``stopping``, lets the
    running calls return, and is raised again.
    """
    progress = _Progress(dependencies)
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_parallel) as pool:
        try:
            while progress.ready or running:
                while progress.ready and len(running) < max_parallel:
                    name = progress.ready.popleft()
                    running[pool.submit(run_step, name)] = name
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    future.result()
                    progress.finish(name)
        except BaseException:
            stopping.set()
            raise
