"""The sample payload of a model: generated from its input variables, and the user's own requests.

The same config and files give the same bytes, on any day.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from typing import Final

from constructs_lib.configs import PipelineConfigs
from constructs_lib.configs.registration import (
    PayloadConfig,
    VariableType,
    filled_template,
)
from constructs_lib.registration.file import registration_file
from constructs_lib.registration.request import RegistrationRequest
from constructs_lib.release.archives import archive
from constructs_lib.release.samples.requests import own_samples
from constructs_lib.serving import serving_profile


def shipped_payload(configs: PipelineConfigs) -> bytes:
    """Return the ``.tar.gz`` with all sample requests at its root, the user's own among them.

    AWS: SamplePayloadUrl of CreateModelPackage names such an archive.

    Raises:
        SampleRequestError: Own sample requests cannot be used.
    """
    return archive(shipped_requests(configs))


def shipped_requests(configs: PipelineConfigs) -> dict[str, bytes]:
    """Return every sample request by file name: the generated ones, then the user's own.

    Raises:
        SampleRequestError: Own sample requests cannot be used.
    """
    own = own_samples(configs)
    bodies = {each.name: each.body for each in own.requests} if own else {}
    return {**sample_payloads(configs.payload), **bodies}


def shipped_registration_file(
    configs: PipelineConfigs, requests: Iterable[RegistrationRequest]
) -> bytes:
    """Return ``registration.json``, with what is expected of own sample requests, and the server.

    Raises:
        SampleRequestError: Own sample requests cannot be used.
    """
    own = own_samples(configs)
    serving = serving_profile(configs.model).facts()
    return registration_file(requests, own.facts() if own else None, serving)


def sample_payloads(config: PayloadConfig) -> dict[str, bytes]:
    """Generate one sample request per content type, by file name (``payload_text_csv_0.csv``).

    Where NUMERIC inputs have several values there are more (``payload_text_csv_0_1.csv``).
    """
    payloads = {}
    for index, content_type in enumerate(config.source_model_inference_content_types):
        extension, render = _RENDERERS[content_type]
        stem = f"payload_{content_type.replace('/', '_')}_{index}"
        for number in range(_request_count(config)):
            name = f"{stem}_{number}" if number else stem
            payloads[f"{name}.{extension}"] = render(sample_values(config, number)).encode()
    return payloads


def _request_count(config: PayloadConfig) -> int:
    return max(map(len, _numbers(config).values()), default=1)


def _numbers(config: PayloadConfig) -> dict[str, list[int | float]]:
    return {
        name: given if isinstance(given, list) else [given]
        for name, given in (config.numeric_field_values or {}).items()
    }


def sample_values(config: PayloadConfig, number: int = 0) -> dict[str, float | str]:
    """Return a value for each input variable, in the declared order.

    Args:
        config: The payload's settings.
        number: Which of the sample requests, from 0; it matters to inputs with several values.
    """
    # The start of the config's day: a clock would make another archive of the same config.
    timestamp = f"{config.current_date} 00:00:00"
    special: dict[str, float | str] = {
        name: filled_template(template, timestamp)
        for name, template in (config.special_field_values or {}).items()
    }
    special |= {name: values[number % len(values)] for name, values in _numbers(config).items()}
    defaults: dict[VariableType, float | str] = {
        VariableType.NUMERIC: config.default_numeric_value,
        VariableType.TEXT: config.default_text_value,
    }
    return {
        name: special.get(name, defaults[variable_type])
        for name, variable_type in config.input_variables.items()
    }


def _csv(values: dict[str, float | str]) -> str:
    """One line without header, quoted where needed (RFC 4180)."""
    line = io.StringIO()
    csv.writer(line).writerow(values.values())
    return line.getvalue().removesuffix(csv.excel.lineterminator)


def _json(values: dict[str, float | str]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


_RENDERERS: Final[dict[str, tuple[str, Callable[[dict[str, float | str]], str]]]] = {
    "text/csv": ("csv", _csv),
    "application/json": ("json", _json),
}
