"""Templates: parsing, the checks made before anything is touched, parameters and order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar, Final

import yaml  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from local.emulator.cloudformation.errors import TemplateError
from local.emulator.cloudformation.functions import references_in
from local.emulator.cloudformation.handlers import is_handled
from local.emulator.cloudformation.resources import Place

_SSM_PARAMETER: Final = "AWS::SSM::Parameter::Value<"
_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")


@dataclass(frozen=True)
class Template:
    """A template as CloudFormation keeps it: its text, and its sections."""

    body: str
    sections: Mapping[str, Any]

    @classmethod
    def empty(cls) -> Template:
        """Return the template of a stack that has none yet."""
        return cls("", {})

    @classmethod
    def parse(cls, body: str) -> Template:
        """Parse a JSON or YAML template and check what can be checked without provisioning.

        Raises:
            TemplateError: Not a template, resource types that the embedded AWS does not have,
                references to nothing, or a cycle.
        """
        template = cls(body, _parse_sections(body))
        if "{{resolve:" in body:
            raise TemplateError("The embedded AWS does not resolve dynamic references ({{resolve:")
        template._check_types()
        template._check_references()
        template.creation_order()
        return template

    @property
    def resources(self) -> Mapping[str, Any]:
        """Definitions of resources by logical id."""
        return self._section("Resources")

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Definitions of parameters by name."""
        return self._section("Parameters")

    @property
    def mappings(self) -> Mapping[str, Any]:
        """The mappings that ``Fn::FindInMap`` looks into."""
        return self._section("Mappings")

    @property
    def conditions(self) -> Mapping[str, Any]:
        """Definitions of conditions by name."""
        return self._section("Conditions")

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Definitions of outputs by key."""
        return self._section("Outputs")

    @property
    def description(self) -> str | None:
        """What the template says about itself."""
        return self.sections.get("Description")

    def creation_order(self) -> list[str]:
        """Return the logical ids, each after everything it depends on."""
        graph = {key: self._dependencies(key) for key in self.resources}
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle = ", ".join(error.args[1])
            raise TemplateError(f"Circular dependency between resources: [{cycle}]") from error

    def imports(self) -> Iterator[Any]:
        """Yield the arguments of every ``Fn::ImportValue``."""
        return _import_arguments([self.resources, self.outputs])

    def parameter_texts(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the text of each parameter: the one given, or the default.

        Raises:
            TemplateError: Missing, unknown or forbidden values.
        """
        unknown = sorted(given.keys() - self.parameters.keys())
        if unknown:
            raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        texts = {
            name: given.get(name, definition.get("Default"))
            for name, definition in self.parameters.items()
        }
        missing = [name for name, text in texts.items() if text is None]
        if missing:
            raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
        for name, text in texts.items():
            _check_parameter(name, str(text), self.parameters[name])
        return {name: str(text) for name, text in texts.items()}

    def parameter_values(self, texts: Mapping[str, str], place: Place) -> dict[str, Any]:
        """Return the value of each parameter as ``Ref`` sees it.

        Raises:
            TemplateError: A parameter of the SSM parameter store that does not exist.
        """
        return {
            name: _parameter_value(text, self.parameters[name].get("Type", "String"), place)
            for name, text in texts.items()
        }

    def needed_by(self, logical_id: str) -> set[str]:
        """Name the resources that a resource refers to, or says that it depends on."""
        return self._dependencies(logical_id) if logical_id in self.resources else set()

    def _section(self, name: str) -> Mapping[str, Any]:
        return self.sections.get(name) or {}

    def _dependencies(self, logical_id: str) -> set[str]:
        definition = self.resources[logical_id]
        explicit = definition.get("DependsOn", [])
        names = {explicit} if isinstance(explicit, str) else set(explicit)
        names.update(references_in(definition.get("Properties", {})))
        return names & self.resources.keys()

    def _check_types(self) -> None:
        if not self.resources:
            raise TemplateError(
                "Template format error: At least one Resources member must be defined."
            )
        types = {definition.get("Type", "none") for definition in self.resources.values()}
        unknown = sorted(each for each in types if not is_handled(each))
        if unknown:
            raise TemplateError(
                f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]. The "
                f"embedded AWS has no such types. Add a handler to local/emulator/cloudformation/"
                f"handlers, or do without"
            )

    def _check_references(self) -> None:
        known = self.resources.keys() | self.parameters.keys()
        used = set(references_in([*self.resources.values(), *self.outputs.values()]))
        explicit = (definition.get("DependsOn", []) for definition in self.resources.values())
        for names in explicit:
            used.update([names] if isinstance(names, str) else names)
        undefined = sorted(name for name in used - known if not name.startswith("AWS::"))
        if undefined:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies "
                f"[{', '.join(undefined)}] in the Resources or Outputs block of the template"
            )


# Ten times as quick where PyYAML was built with libyaml.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]  # PyYAML is not type-checked
    """YAML with CloudFormation's short forms, such as ``!Ref``; dates stay text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, expression) for tag, expression in resolvers if "timestamp" not in tag]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = node.value
    return {name: value}


_Loader.add_multi_constructor("!", _short_form)


def _parse_sections(body: str) -> Mapping[str, Any]:
    # JSON first: what the CDK uploads is JSON, and the YAML parser takes seconds for it.
    try:
        sections = json.loads(body)
    except json.JSONDecodeError:
        try:
            sections = yaml.load(body, Loader=_Loader)  # noqa: S506  # derives from SafeLoader
        except yaml.YAMLError as error:
            raise TemplateError(f"Template format error: {error}") from error
    if not isinstance(sections, dict):
        raise TemplateError("Template format error: unsupported structure.")
    return sections


def _import_arguments(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _import_arguments(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Fn::ImportValue":
                yield item
            else:
                yield from _import_arguments(item)


def _parameter_value(text: str, kind: str, place: Place) -> Any:
    if kind.startswith(_SSM_PARAMETER):
        text = _stored_parameter(text, place)
    if kind == "CommaDelimitedList" or "List<" in kind:
        return [item.strip() for item in text.split(",")]
    return json.loads(text) if kind == "Number" else text


def _check_parameter(name: str, text: str, definition: Mapping[str, Any]) -> None:
    allowed = definition.get("AllowedValues")
    if allowed is not None and text not in [str(value) for value in allowed]:
        raise TemplateError(f"Parameter {name} must be one of AllowedValues {allowed}, got {text}")
    if definition.get("Type") == "Number" and not _NUMBER.fullmatch(text):
        raise TemplateError(f"Parameter {name} must be a number, got {text}")
    pattern = definition.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, text):
        raise TemplateError(f"Parameter {name} must match pattern {pattern}, got {text}")


def _stored_parameter(name: str, place: Place) -> str:
    try:
        answer = place.client("ssm").get_parameter(Name=name)
    except ClientError as error:
        raise TemplateError(
            f"Unable to fetch parameters [{name}] from parameter store for this account."
        ) from error
    return str(answer["Parameter"]["Value"])
