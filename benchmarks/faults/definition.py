"""The definition of the example pipeline, as compiled: what waits for what, decides and passes on.

The part that the function is in is executed here, with what ``local.runner`` reads definitions
with: so the function's processes can be killed at each of their calls, which no runner could do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Self

from constructs_lib.compilation.parent import Compilation
from constructs_lib.configs import PipelineConfigs
from constructs_lib.release.files import release_files
from local.runner.language.conditions import all_hold
from local.runner.language.definition import PipelineDefinition, StepType, parse_definition
from local.runner.language.graph import dependencies_of
from local.runner.language.parameters import bind_parameters
from local.runner.language.references import StepScope, resolve
from tests.example_pipeline import CONFIG

PIPELINE = "returns-risk"
HOME_REGION = "us-east-1"
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class CompiledRelease:
    """A compiled pipeline, and the files of it that are known before any execution."""

    body: str
    """The definition, with ``${Name}`` for what a deployment tells."""
    registration_request: bytes
    sample_payload: bytes

    @classmethod
    @cache
    def of_example(cls) -> Self:
        """Compile the example pipeline."""
        configs = PipelineConfigs.load(CONFIG)
        with Compilation({PIPELINE: configs}, home_region=HOME_REGION, cache=None) as compiled:
            pipeline = compiled[PIPELINE].pipeline
        files = release_files(configs, pipeline)
        return cls(pipeline.body, files.registration_request, files.sample_payload)

    def deployed(self, name: str, variables: Mapping[str, str]) -> PipelineDefinition:
        """Return the definition as a deployment under another name would have it.

        Args:
            name: Of the pipeline and of its model package groups.
            variables: What a deployment tells; the others stay their names.
        """
        body = _VARIABLE.sub(lambda match: variables.get(match[1], match[1]), self.body)
        return parse_definition(body.replace(PIPELINE, name))


class ReleaseDecisions:
    """One execution of a definition: which steps it executes, with which arguments.

    Jobs have been, and have written what they are said to have written.
    """

    def __init__(
        self,
        definition: PipelineDefinition,
        *,
        execution_arn: str,
        parameters: Mapping[str, str],
        results: Mapping[str, Any],
    ) -> None:
        """Execute what comes before the functions.

        Args:
            definition: Of the pipeline.
            execution_arn: Of the execution.
            parameters: What the execution is given.
            results: The JSON files that jobs have written, by file name.
        """
        self._steps = {step.name: step for step in definition.steps}
        self._results = results
        self._parameters = bind_parameters(definition.parameters, parameters)
        self._arn = execution_arn
        self._dependencies = dependencies_of(definition)
        self._properties: dict[str, dict[str, Any]] = {}
        self._ended: set[str] = set()
        for step in definition.steps:
            if step.type not in (StepType.CONDITION, StepType.FAIL, StepType.LAMBDA):
                self._properties[step.name] = self.arguments(step.name)

    @cached_property
    def functions(self) -> list[str]:
        """The names of the steps that call the function, in the definition's order."""
        return [name for name, step in self._steps.items() if step.type is StepType.LAMBDA]

    def next_functions(self) -> list[str]:
        """Name the steps that can be executed by now, and were not."""
        self._decide()
        return [name for name in self.functions if name not in self._ended and self._is_due(name)]

    @property
    def is_refused(self) -> bool:
        """Whether a Fail step has ended the execution."""
        self._decide()
        return any(
            self._is_due(name) for name, step in self._steps.items() if step.type is StepType.FAIL
        )

    def succeed(self, name: str, result: Mapping[str, Any]) -> None:
        """Take a function's outputs, those that the step declares.

        Raises:
            KeyError: One is missing.
        """
        outputs = {each.name: result[each.name] for each in self._steps[name].output_parameters}
        self._properties[name] = {"OutputParameters": outputs}
        self._ended.add(name)

    def fail(self, name: str) -> None:
        """End a step that has failed: what waits for it is not executed."""
        self._ended.add(name)

    def retry(self) -> None:
        """Let the steps that have failed be executed again, as a retried execution does."""
        self._ended &= self._properties.keys()

    def arguments(self, name: str) -> Any:
        """Resolve the arguments of a step."""
        scope = StepScope(
            step=name,
            parameters=self._parameters,
            variables={
                "PipelineExecutionArn": self._arn,
                "PipelineExecutionId": self._arn.rpartition("/")[2],
            },
            properties=self._properties,
            property_files={
                step.name: {
                    file.name: self._results[file.file_path]
                    for file in step.property_files
                    if file.file_path in self._results
                }
                for step in self._steps.values()
            },
        )
        return resolve(self._steps[name].arguments, scope)

    def _decide(self) -> None:
        """Evaluate the Condition steps whose time has come."""
        for name, step in self._steps.items():
            is_open = name not in self._properties
            if step.type is StepType.CONDITION and is_open and self._is_due(name):
                outcome = all_hold(self.arguments(name)["Conditions"])
                self._properties[name] = {"Outcome": outcome}

    def _is_due(self, name: str) -> bool:
        """Whether a step's time has come: what it waits for succeeded, and led to its branch."""
        if not self._dependencies[name] <= self._properties.keys():
            return False
        branch = self._steps[name].branch
        return branch is None or self._properties[branch.step]["Outcome"] is branch.outcome
