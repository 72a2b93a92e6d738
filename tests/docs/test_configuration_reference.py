"""docs/configuration.md says what the models check, and its examples are ones they take."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from constructs_lib.configs import CONFIG_CLASSES, Hyperparameters, PipelineConfigs
from constructs_lib.settings import Settings
from docs.configuration_reference import EXAMPLES, PATH, reference
from tests.example_pipeline import CONFIG

OF_CONTAINERS = {
    "custom": ("serving_images", "serving_entrypoint", "serving_contract"),
    "huggingface": ("transformers_version",),
    "pytorch": ("serving_image_digests",),
}
"""Fields of one container alone."""
SETTINGS_IN_SETTINGS = ("existing_vpc", "schedule", "notifications", "delivery")


def fields_of(model: Any) -> set[str]:
    return set(model.model_fields)


def test_the_page_is_current() -> None:
    assert PATH.read_text() == reference(), "run: make docs"


def test_every_field_and_setting_has_a_row_that_says_what_it_is() -> None:
    rows = [line.split(" | ") for line in reference().splitlines() if line.startswith("| `")]
    described = {row[0].strip("| `") for row in rows if row[-1].strip("| ")}
    fields = set().union(*map(fields_of, [*CONFIG_CLASSES.values(), Hyperparameters, Settings]))

    assert fields - described == set()
    assert [row[0] for row in rows if not row[-1].strip("| ")] == []


@pytest.mark.parametrize("container", OF_CONTAINERS)
def test_the_models_take_the_examples_of_fields(container: str, tmp_path: Path) -> None:
    document = json.loads(CONFIG.read_text())
    configuration = document["configuration"]
    document["metadata"]["config_types"]["PytorchTraining"] = "PytorchTrainingConfig"
    configuration["specific"]["PytorchTraining"] = {"train_in_pipeline": True}
    document["metadata"]["config_types"]["Endpoint"] = "EndpointConfig"
    for key, name in document["metadata"]["config_types"].items():
        part = "processing" if key == "Package" else "specific"
        section = configuration[part].setdefault(key, {})
        names = own_fields(name) & EXAMPLES.keys()
        section |= {name: deepcopy(EXAMPLES[name]) for name in names}
    # Traffic comes in parts where there are instances for them.
    configuration["specific"]["Endpoint"]["instance_count"] = 2
    for name in chain(*(OF_CONTAINERS.values())):
        if name not in OF_CONTAINERS[container]:
            del configuration["specific"]["PytorchModel"][name]
    configuration["specific"]["PytorchModel"]["serving_container"] = container
    hyperparameters = {name: EXAMPLES[name] for name in fields_of(Hyperparameters)}
    configuration["specific"]["PytorchTraining"]["hyperparameters"] |= hyperparameters
    for folder in ("packaging", "sample_requests"):
        (tmp_path / folder).mkdir()
    for script in ("packaging/package.py", "inference.py", "train.py", "payloads.py"):
        (tmp_path / script).touch()
    configuration["shared"]["source_dir"] = "."
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))

    configs = PipelineConfigs.load(path)

    assert configs.warnings == ()
    assert configs.training is not None
    assert configs.training.hyperparameters.label_name == "abuse"
    assert configs.endpoint is not None
    assert configs.endpoint.waves == [["NA"], ["EU", "FE"]]


def test_the_models_take_the_examples_of_settings() -> None:
    alone = {"availability_zones", "interface_endpoints"}  # not together with an existing VPC
    names = fields_of(Settings) & EXAMPLES.keys()

    settings = Settings.model_validate({name: EXAMPLES[name] for name in names - alone})
    Settings.model_validate({name: EXAMPLES[name] for name in alone})

    assert settings.existing_vpc is not None


def own_fields(class_name: str) -> set[str]:
    """The fields of a class that are not every section's."""
    shared = fields_of(CONFIG_CLASSES["BasePipelineConfig"])
    fields = fields_of(CONFIG_CLASSES[class_name])
    return fields if class_name == "BasePipelineConfig" else fields - shared
