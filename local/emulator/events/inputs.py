"""What a target gets of an event: all of it, a part, a constant, or a text with parts.

Source: "Amazon EventBridge input transformation" in the EventBridge user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

Event = Mapping[str, Any]

_PLACEHOLDER: Final = re.compile(r"<([\w.-]+)>")
_WHOLE_EVENT: Final = ("aws.events.event", "aws.events.event.json")


def input_for(target: Mapping[str, Any], event: Event, rule_arn: str) -> str:
    """Return the JSON text that a target gets.

    Args:
        target: As PutTargets took it.
        event: The event.
        rule_arn: The rule that matched.
    """
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        return json.dumps(_find(target["InputPath"], event))
    transformer = target.get("InputTransformer")
    if transformer is None:
        return json.dumps(event)
    values = {
        name: _find(path, event) for name, path in transformer.get("InputPathsMap", {}).items()
    }
    own = {"aws.events.rule-arn": rule_arn, "aws.events.rule-name": rule_arn.rpartition("/")[2]}
    whole = dict.fromkeys(_WHOLE_EVENT, event)
    ingestion = {"aws.events.event.ingestion-time": event["time"]}
    return _fill(transformer["InputTemplate"], {**own, **whole, **ingestion, **values})


def _find(path: str, event: Event) -> Any:
    from jsonpath_ng.ext.parser import parse

    found = parse(path).find(event)
    return found[0].value if found else None


def _fill(template: str, values: Mapping[str, Any]) -> str:
    """Put values into a template: between quotes as they are, elsewhere as JSON."""
    parts, position = [], 0
    for match in _PLACEHOLDER.finditer(template):
        if match[1] not in values:
            continue
        parts.append(template[position : match.start()])
        is_quoted = _quotes(template[: match.start()]) % 2 == 1
        parts.append(_as_text(values[match[1]]) if is_quoted else json.dumps(values[match[1]]))
        position = match.end()
    return "".join([*parts, template[position:]])


def _quotes(text: str) -> int:
    return text.count('"') - text.count('\\"')


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]
