"""CloudFormation's intrinsic functions, as pure functions of a value and a scope.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.emulator.cloudformation.errors import TemplateError

ZONE_LETTERS: Final = "abc"
NO_VALUE: Final = object()
"""What ``{"Ref": "AWS::NoValue"}`` resolves to: the property or item that holds it is left out."""

_VARIABLE: Final = re.compile(r"\$\{(!?)([^}]*)\}")
_VARIABLE_NAME: Final = re.compile(r"[A-Za-z0-9_.:]+")


@dataclass(frozen=True)
class Scope:
    """Everything a template's functions can refer to."""

    references: dict[str, Any]
    """Values of ``Ref``: parameters, pseudo parameters and the resources that exist."""
    attributes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Values of ``Fn::GetAtt`` by logical id and attribute name."""
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)

    def add(self, logical_id: str, reference: str, attributes: Mapping[str, Any]) -> None:
        """Let functions refer to a resource from now on."""
        self.references[logical_id] = reference
        self.attributes[logical_id] = attributes

    @property
    def region(self) -> str:
        """The region of the stack."""
        return str(self.references["AWS::Region"])


def resolve(value: Any, scope: Scope) -> Any:
    """Return ``value`` with every intrinsic function in it replaced by its result.

    Raises:
        TemplateError: An unknown function, or a reference, attribute, export or mapping key
            that does not exist.
    """
    if isinstance(value, list):
        resolved = (resolve(item, scope) for item in value)
        return [item for item in resolved if item is not NO_VALUE]
    if not isinstance(value, dict):
        return value
    name = _function_name(value)
    if name is not None:
        return _FUNCTIONS[name](value[name], scope)
    pairs = ((key, resolve(item, scope)) for key, item in value.items())
    return {key: item for key, item in pairs if item is not NO_VALUE}


def condition_holds(condition: Any, scope: Scope) -> bool:
    """Evaluate a condition: its name, or one of the condition functions."""
    if isinstance(condition, str):
        if condition not in scope.conditions:
            raise TemplateError(f"Template error: unresolved condition dependency {condition}")
        return condition_holds(scope.conditions[condition], scope)
    ((name, arguments),) = condition.items()
    match name:
        case "Condition":
            return condition_holds(arguments, scope)
        case "Fn::Equals":
            left, right = (resolve(argument, scope) for argument in arguments)
            return bool(left == right)
        case "Fn::Not":
            return not condition_holds(arguments[0], scope)
        case "Fn::And":
            return all(condition_holds(argument, scope) for argument in arguments)
        case "Fn::Or":
            return any(condition_holds(argument, scope) for argument in arguments)
        case _:
            raise TemplateError(f"Template error: {name} is not a condition function")


def references_in(value: Any) -> Iterator[str]:
    """Yield the names of the resources and parameters that ``value`` refers to."""
    if isinstance(value, list):
        for item in value:
            yield from references_in(item)
    if not isinstance(value, dict):
        return
    match _function_name(value):
        case "Ref":
            yield value["Ref"]
        case "Fn::GetAtt":
            yield _attribute_path(value["Fn::GetAtt"])[0]
        case "Fn::Sub":
            text, variables = _sub_arguments(value["Fn::Sub"])
            yield from references_in(list(variables.values()))
            for name in _variables_of(text):
                if name not in variables:
                    yield name.split(".", 1)[0]
        case _:
            for item in value.values():
                yield from references_in(item)


def _function_name(value: Mapping[str, Any]) -> str | None:
    if len(value) != 1:
        return None
    (name,) = value
    if name in _FUNCTIONS:
        return name
    if name.startswith("Fn::"):
        raise TemplateError(
            f"Template error: {name} is not supported by the embedded AWS; "
            f"it knows {', '.join(sorted(_FUNCTIONS))}"
        )
    return None


def _ref(name: str, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    if name not in scope.references:
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")
    return scope.references[name]


def _attribute_path(argument: str | list[str]) -> tuple[str, str]:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    return parts[0], parts[1]


def _get_att(argument: str | list[str], scope: Scope) -> Any:
    logical_id, attribute = _attribute_path(argument)
    attributes = scope.attributes.get(logical_id)
    if attributes is None:
        raise TemplateError(
            f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}"
        )
    if attribute not in attributes:
        raise TemplateError(
            f"Template error: resource {logical_id} does not support attribute type {attribute} "
            f"in Fn::GetAtt; the embedded AWS knows {sorted(attributes)}"
        )
    return attributes[attribute]


def _sub_arguments(argument: str | list[Any]) -> tuple[str, Mapping[str, Any]]:
    return (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])


def _variables_of(text: str) -> Iterator[str]:
    for match in _VARIABLE.finditer(text):
        is_literal, name = match.group(1), match.group(2).strip()
        if is_literal:
            continue
        if not _VARIABLE_NAME.fullmatch(name):
            raise TemplateError(
                f"Template error: variable names in Fn::Sub syntax must contain only alphanumeric "
                f"characters, underscores, periods, and colons, got {name!r}"
            )
        yield name


def _sub(argument: str | list[Any], scope: Scope) -> str:
    text, variables = _sub_arguments(argument)
    names = set(_variables_of(text))
    values = {name: _variable(name, variables, scope) for name in names}

    def replacement(match: re.Match[str]) -> str:
        is_literal, name = match.groups()
        return f"${{{name}}}" if is_literal else values[name.strip()]

    return _VARIABLE.sub(replacement, text)


def _variable(name: str, variables: Mapping[str, Any], scope: Scope) -> str:
    if name in variables:
        return _as_text(resolve(variables[name], scope))
    if "." in name:
        return _as_text(_get_att(name, scope))
    return _as_text(_ref(name, scope))


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _join(argument: list[Any], scope: Scope) -> str:
    separator, items = argument
    return str(separator).join(_as_text(item) for item in resolve(items, scope))


def _select(argument: list[Any], scope: Scope) -> Any:
    index, items = int(resolve(argument[0], scope)), resolve(argument[1], scope)
    if not 0 <= index < len(items):
        raise TemplateError(
            f"Template error: Fn::Select cannot select nonexistent value at index {index}"
        )
    return items[index]


def _split(argument: list[Any], scope: Scope) -> list[str]:
    separator, text = argument
    return str(resolve(text, scope)).split(separator)


def _find_in_map(argument: list[Any], scope: Scope) -> Any:
    found: Any = scope.mappings
    path = [resolve(key, scope) for key in argument]
    for key in path:
        if key not in found:
            raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(path)}")
        found = found[key]
    return found


def _if(argument: list[Any], scope: Scope) -> Any:
    condition, when_true, when_false = argument
    return resolve(when_true if condition_holds(condition, scope) else when_false, scope)


def _import_value(argument: Any, scope: Scope) -> str:
    name = resolve(argument, scope)
    if name not in scope.exports:
        raise TemplateError(f"No export named {name} found.")
    return scope.exports[name]


def _get_azs(argument: Any, scope: Scope) -> list[str]:
    region = resolve(argument, scope) or scope.region
    return [region + letter for letter in ZONE_LETTERS]


def _base64(argument: Any, scope: Scope) -> str:
    return base64.b64encode(_as_text(resolve(argument, scope)).encode()).decode()


def _cidr(argument: list[Any], scope: Scope) -> list[str]:
    block, count, *host_bits = resolve(argument, scope)
    network = ipaddress.ip_network(block)
    prefix = network.max_prefixlen - int(host_bits[0] if host_bits else 8)
    subnets = network.subnets(new_prefix=prefix)
    return [str(next(subnets)) for _ in range(int(count))]


def _to_json_string(argument: Any, scope: Scope) -> str:
    return json.dumps(resolve(argument, scope), separators=(",", ":"))


_FUNCTIONS: Final[Mapping[str, Callable[[Any, Scope], Any]]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
}
