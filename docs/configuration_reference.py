"""Writes docs/configuration.md from the models: ``python -m docs.configuration_reference``."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

from constructs_lib import settings
from constructs_lib.configs import CONFIG_CLASSES
from constructs_lib.configs.pipeline import OPTIONAL, REQUIRED
from constructs_lib.configs.schema import config_schema
from constructs_lib.fields.rules import TextRule
from constructs_lib.regions import RegionNames
from constructs_lib.regions.prefix_lists import S3_PREFIX_LISTS
from constructs_lib.regions.tables import home_regions, sagemaker_regions
from constructs_lib.service_model.patches import CONTAINERS
from constructs_lib.settings import Settings
from tests.example_pipeline import CONFIG

ROOT: Final = Path(__file__).parents[1]
PATH: Final = ROOT / "docs" / "configuration.md"
_HYPERPARAMETERS: Final = "Hyperparameters"
_SHORT: Final = 60
"""Characters of an example that fit into a table."""

EXAMPLES: Final[dict[str, Any]] = {
    "additional_key_arns": ["arn:aws:kms:us-east-1:111122223333:key/1234abcd"],
    "additional_s3_prefixes": ["s3://other-bucket/models/"],
    "additional_security_group_ids": ["sg-0def"],
    "additional_subnet_ids": ["subnet-0fed"],
    "availability_zones": ["us-east-1c", "us-east-1d"],
    "aws_region": "us-east-1",
    "alarm_names": ["returns-risk-score-drift"],
    "allowed_pickle_globals": ["sklearn.linear_model._base.LinearRegression"],
    "bucket": "my-models",
    "cat_field_list": ["return_reason"],
    "checkpoint_path": "s3://my-models/checkpoints/2026-11-02",
    "class_weights": [1.0, 4.0],
    "delivery": {"repository": "my-team/my-releases"},
    "emails": ["my-team@example.com"],
    "endpoint_name": "returns-risk-live",
    "environment": "dev",
    "environment_variables": {"SCORE_SCALE": "1000"},
    "existing_vpc": {"vpc_id": "vpc-0abc", "subnet_ids": ["subnet-0abc"]},
    "expression": "cron(0 6 ? * MON *)",
    "full_field_list": ["order_id", "order_amount", "return_reason", "abuse"],
    "hyperparameters": {"max_epochs": 3},
    "id_name": "order_id",
    "inference_instance_types": ["ml.m5.large", "ml.c5.xlarge"],
    "instance_type": "ml.c5.large",
    "invocations_per_instance": 600,
    "input_path": "s3://my-models/training/2026-11-02",
    "label_name": "abuse",
    "max_instance_count": 4,
    "multiclass_categories": [0, 1],
    "numeric_field_values": {"order_amount": 29.5, "orders_last_year": [0, 18]},
    "model_server_workers": 2,
    "notifications": {"emails": ["my-team@example.com"]},
    "owner_id": 1234567,
    "output_path": "s3://my-models/trained/2026-11-02",
    "owner": "my-team",
    "parameters": {"RegisterAgain": "yes"},
    "payload_script_arguments": [],
    "payload_script_path": "payloads.py",
    "pipeline_s3_loc": "s3://my-models/MODS/returns-risk_1.0.0",
    "pipelines": {"returns_risk": {"start_on_upload": True}},
    "input_names": ["inference_scripts_input", "model_input"],
    "output_names": ["packaged_model_output"],
    "processing_entry_point": "package.py",
    "processing_script_arguments": ["--single-folder", "flatten"],
    "processing_source_dir": "packaging",
    "pickle_policy": "refuse",
    "repository": "my-team/my-releases",
    "repository_id": 987654321,
    "sample_payload_s3_key": "payload.tar.gz",
    "sample_requests_dir": "sample_requests",
    "schedule": {"expression": "rate(7 days)"},
    "security_group_id": "sg-0abc",
    "serving_contract": "http",
    "serving_entrypoint": ["/bin/serve"],
    "serving_image_digests": {"us-east-1": f"sha256:{'a' * 64}"},
    "serving_images": {
        "us-east-1": f"111122223333.dkr.ecr.us-east-1.amazonaws.com/my-server@sha256:{'a' * 64}"
    },
    "shift": "linear",
    "shift_percentage": 20,
    "subnet_cidrs": ["10.1.0.0/24", "10.1.1.0/24"],
    "subnet_ids": ["subnet-0abc", "subnet-0def"],
    "tab_field_list": ["order_amount"],
    "transformers_version": "4.51.3",
    "verification_instance_type": "ml.m5.xlarge",
    "vpc_id": "vpc-0abc",
    "waves": [["NA"], ["EU", "FE"]],
    "account": "111122223333",
    "regions": {"AP": "ap-southeast-2"},
    "s3_prefix_list": "pl-63a5400a",
    "interface_endpoints": ["logs", "sts"],
}
"""A value of each field whose default is none and that the example pipeline does not set."""

_INTRODUCTION: Final = """\
# Configuration

Written by `python -m docs.configuration_reference` from the models that check it; a test checks
that it is current.

## Where a field stands

`pipelines/<name>/config.json` has one section per step. `metadata.config_types` says which sections
there are and the class of each. A field is in `configuration.shared`, which serves every section
that has the field, or in `configuration.specific.<section>` (`configuration.processing.<section>`
for Package), which wins. A required field has to be in one of them. An unknown field is an error
that names the nearest known field. Relative paths start at the file. Editors complete and check
`config.json` by its `"$schema"`.

    {
      "metadata": {"format": 4, "config_types": {"Base": "BasePipelineConfig", …}},
      "configuration": {
        "shared": {"author": "my-team", …},
        "processing": {"Package": {"processing_volume_size": 30}},
        "specific": {"Payload": {"expected_tps": 20}, …}
      }
    }

That is format 4. Files without `metadata.format` are those of the earlier system, which are read
as they are: unknown fields are warnings there, and `release validate` says what of them is unused
or read otherwise ([from such a file to a registered model](migrate.md)).

"""

_SETTINGS: Final = """\
## The app's settings

In `cdk.json` under `context."model-release"`, or for one environment under `environments.<name>`
there ([how they go together](deploy.md#environments)). All are optional.

"""

_PATCHES: Final = """\
## Containers and their patches

Until when AWS patches the containers that `framework_version` and `processing_framework_version`
choose, as far as it says so; `constructs_lib/service_model/patches.py` names the source. `release
validate` and `cdk synth` warn half a year before and from the day after, and `release doctor` lists
them ([what to do](operate.md#containers-without-patches)).

"""


_REGIONS: Final = """\
## Regions

Written out of the tables of the installed botocore and SageMaker SDK: the regions of the partition
`aws` with Amazon SageMaker AI. Models can be registered in each. The home region also needs a
container of scikit-learn, in which models are packaged, and the app has to know the prefix list of
Amazon S3 there, or to be told by `s3_prefix_list`. A region is called by its name where it has one;
`regions` in `cdk.json` gives others. Regions that an account has to opt in to, and has not, are
found by `release doctor`. Regions of other partitions, such as `aws-cn` and `aws-us-gov`, are
refused: nobody could try the app there.

"""


def reference() -> str:
    """Return the text of docs/configuration.md."""
    fields, settings = "".join(_sections()), "".join(_settings())
    containers = f"{_PATCHES}{_patches()}"
    return f"{_INTRODUCTION}{fields}{containers}{_REGIONS}{_regions()}{_SETTINGS}{settings}"


def _regions() -> str:
    names = RegionNames()
    rows = [
        f"| `{region}` | {code if (code := names.of(region)) != region else ''} |"
        f" {'yes' if region in home_regions() else 'no'} |"
        f" {f'`{known}`' if (known := S3_PREFIX_LISTS.get(region)) else 'to be told'} |"
        for region in sagemaker_regions()
    ]
    titles = ["| region | name | can be home | prefix list of Amazon S3 |", "|---|---|---|---|"]
    return "\n".join([*titles, *rows, "", ""])


def _patches() -> str:
    rows = [
        f"| {family} | `{each.version}` | `{each.python}` | {each.end} |"
        for family, containers in CONTAINERS.items()
        for each in reversed(containers)
    ]
    titles = ["| container | version | Python | patched until |", "|---|---|---|---|"]
    return "\n".join([*titles, *rows, "", ""])


def _sections() -> Iterator[str]:
    definitions: dict[str, Any] = config_schema()["$defs"]
    types = _Types(definitions, dict(_text_rules()))
    for name, config_class in CONFIG_CLASSES.items():
        parent = config_class.__mro__[1].__name__
        inherits = f", and those of {parent}" if parent in CONFIG_CLASSES else ""
        need = "required" if config_class in REQUIRED else "optional"
        assert config_class in (*REQUIRED, *OPTIONAL)  # noqa: S101  # else this says the wrong thing
        required = {
            each for each, field in config_class.model_fields.items() if field.is_required()
        }
        fields = definitions[name]["properties"]
        yield f"## {config_class.STEP_KEY}: {name}, {need}\n\n"
        yield f"{_plain(config_class.__doc__ or '')}\n\n"
        yield f"Its fields{inherits}:\n\n" if fields else f"Only those{inherits}.\n\n"
        yield _table(fields, required=required, types=types)
    fields = definitions[_HYPERPARAMETERS]["properties"]
    yield f"## {_HYPERPARAMETERS}\n\n{definitions[_HYPERPARAMETERS]['description']}\n\n"
    yield _table(fields, required=set(), types=types)


def _settings() -> Iterator[str]:
    schema = Settings.model_json_schema()
    definitions = schema.pop("$defs")
    types = _Types(definitions, dict(_text_rules()))
    told = dict(_docstrings_of_fields())
    for name, part in {"Settings": schema, **definitions}.items():
        if part.get("type") == "object":
            yield f"### {name}\n\n{_plain(part['description'])}\n\n"
            required = set(part.get("required", ()))
            fields = {
                field: {**described, "description": told[name, field]}
                for field, described in part["properties"].items()
            }
            yield _table(fields, required=required, types=types)


def _docstrings_of_fields() -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what stands below each setting, by the names of its class and its own.

    Pydantic would do it with ``use_attribute_docstrings``, at each start of the app.
    """
    parts = ast.parse(inspect.getsource(settings)).body
    for each in (part for part in parts if isinstance(part, ast.ClassDef)):
        for field, below in pairwise(each.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                    value=ast.Constant(value=str(text))
                ):
                    yield (each.name, name), text


def _table(
    fields: Mapping[str, Any],
    *,
    required: set[str],
    types: _Types,
) -> str:
    rows = ["| field | type and limits | default | example | what it is |", "|---|---|---|---|---|"]
    for name, field in fields.items():
        cells = (
            f"`{name}`",
            types.of(field),
            "required" if name in required else _default(field),
            _json(example(name, field)),
            _plain(field.get("description", "")),
        )
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows) + "\n\n" if fields else ""


def example(name: str, field: Mapping[str, Any]) -> Any:
    """Return a value that a field may have: the example pipeline's, one from here, or its default.

    Raises:
        KeyError: There is none: add it to ``EXAMPLES``.
    """
    in_use = _in_use(json.loads(CONFIG.read_text())["configuration"])
    if name in in_use:
        return in_use[name]
    return EXAMPLES[name] if field.get("default") in (None, [], {}) else field["default"]


def _in_use(configuration: Mapping[str, Any]) -> dict[str, Any]:
    sections = [*configuration["processing"].values(), *configuration["specific"].values()]
    return {
        name: value for each in [*sections, configuration["shared"]] for name, value in each.items()
    }


def _default(field: Mapping[str, Any]) -> str:
    if "default" not in field:
        return "derived"
    return "none" if field["default"] is None else _json(field["default"])


def _json(value: Any) -> str:
    text = json.dumps(value)
    return f"`{text if len(text) <= _SHORT else text[: _SHORT - 1] + '…'}`"


def _plain(text: str) -> str:
    """Put a docstring on one line, as Markdown."""
    return " ".join(text.replace("``", "`").replace("<", "&lt;").split())


_NAMES: Final = {
    "boolean": "`true` or `false`",
    "integer": "whole number",
    "number": "number",
    "string": "text",
}


@dataclass(frozen=True)
class _Types:
    """Puts the type and limits of a field into words."""

    definitions: Mapping[str, Any]
    """What a ``$ref`` names."""
    rules: Mapping[str, str]
    """What patterns mean."""

    def of(self, schema: Mapping[str, Any]) -> str:
        """Describe a part of a JSON Schema."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.of({"type": "object", **self.definitions[name], "title": name})
        if schema.get("type") == "array":
            return self._list(schema)
        if schema.get("type") == "object":
            return self._object(schema)
        if "anyOf" in schema and "type" not in schema:
            parts = [self.of(each) for each in schema["anyOf"] if each != {"type": "null"}]
            return ", or ".join(dict.fromkeys(parts))
        return self._value(schema)

    def _list(self, schema: Mapping[str, Any]) -> str:
        if "prefixItems" in schema:
            return f"[{', '.join(map(self.of, schema['prefixItems']))}]"
        return f"list of {self.of(schema['items'])}{_limits(schema)}"

    def _object(self, schema: Mapping[str, Any]) -> str:
        if "properties" in schema:
            return f"[object](#{schema['title'].lower()})"
        if "additionalProperties" in schema:
            return f"object of {self.of(schema['additionalProperties'])} by name"
        if "patternProperties" in schema:
            ((pattern, value),) = schema["patternProperties"].items()
            return f"object of {self.of(value)}, by {self.rules.get(pattern, 'name')}"
        return "any JSON"

    def _value(self, schema: Mapping[str, Any]) -> str:
        match schema:
            case {"enum": values} | {"anyOf": [{"enum": values}, *_]}:
                return " or ".join(f"`{json.dumps(each)}`" for each in values)
            case {"pattern": str(pattern)}:
                return self.rules.get(pattern) or f"text that matches `{pattern}`"
        return _NAMES[schema["type"]] + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    lower = schema.get("minimum", schema.get("minItems"))
    upper = schema.get("maximum", schema.get("maxItems"))
    distinct = ", all different" if schema.get("uniqueItems") else ""
    if lower is None and upper is None:
        return distinct
    if upper is None:
        return f", at least {lower}{distinct}"
    return f", {lower} to {upper:,}{distinct}"


def _text_rules() -> Iterator[tuple[str, str]]:
    """Yield what each pattern of the config classes and of the settings means in words."""
    for model in (*CONFIG_CLASSES.values(), Settings):
        for rule in _rules_in(model):
            yield f"^{rule.pattern}$", rule.description


def _rules_in(node: Any) -> Iterator[TextRule]:
    if isinstance(node, TextRule):
        yield node
        return
    if isinstance(node, type) and issubclass(node, BaseModel):
        fields = node.model_fields.values()
        node = tuple(part for field in fields for part in (field.annotation, *field.metadata))
    parts = (
        node if isinstance(node, tuple) else (*get_args(node), *getattr(node, "__metadata__", ()))
    )
    for part in parts:
        yield from _rules_in(part)


if __name__ == "__main__":
    PATH.write_text(reference())
