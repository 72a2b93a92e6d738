"""Files that PyTorch itself writes here and now; runs where PyTorch is installed."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest

from constructs_lib.jobs.package_model.pickles.globals import ALLOWED_GLOBALS
from tests.pickles.samples import codes, found

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:UserWarning")


def saved(value: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def test_every_class_that_torch_lets_weights_have_is_allowed() -> None:
    from torch._weights_only_unpickler import _get_allowed_globals

    assert set(_get_allowed_globals()) <= {str(each) for each in ALLOWED_GLOBALS}


QUANTIZED = ("torch.qint8", "torch.qint32", "torch.quint8")
PACKED = ("torch.quint2x4", "torch.quint4x2")
"""Of several items in a byte: torch makes no tensor of them on a CPU."""
DTYPES = sorted({str(each) for each in torch.storage._dtype_to_storage_type_map()} - {*PACKED})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_state_dicts_of_every_dtype_pass(dtype: str, protocol: int, is_zip: bool) -> None:
    wanted = getattr(torch, dtype.partition(".")[2])
    if dtype in QUANTIZED:
        tensor = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, wanted)
    else:
        tensor = torch.zeros(64, dtype=torch.uint8).view(wanted)
    data = saved(
        {"weight": tensor, "parameter": torch.nn.Parameter(torch.ones(2))},
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=is_zip,
    )

    assert found(data) == set()


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "LBFGS"])
def test_checkpoints_of_optimizers_and_schedulers_pass(name: str) -> None:
    model = torch.nn.Linear(2, 3)
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1)

    def loss() -> Any:
        optimizer.zero_grad()
        result = model(torch.ones(1, 2)).sum()
        result.backward()
        return result

    optimizer.step(loss)
    schedulers = [
        torch.optim.lr_scheduler.StepLR(optimizer, 1),
        torch.optim.lr_scheduler.MultiStepLR(optimizer, [1]),
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2),
        torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer),
    ]
    states = [each.state_dict() for each in (model, optimizer, *schedulers)]

    assert found(saved(states)) == set()
    assert found(pickle.dumps(states)) == set()


def test_torchscript_and_exported_models_pass() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.ReLU())
    model.eval()
    scripted, exported = io.BytesIO(), io.BytesIO()
    torch.jit.save(torch.jit.script(model), scripted)
    torch.export.save(torch.export.export(model, (torch.ones(4, 2),)), exported)

    assert found(scripted.getvalue()) == set()
    assert found(exported.getvalue()) == set()


def test_whole_models_are_told_by_their_classes() -> None:
    model = torch.nn.Linear(2, 3)

    assert found(saved(model)) == {("pickle-global-unknown", "torch.nn.modules.linear.Linear")}
    assert codes(pickle.dumps(model)) == {"pickle-global-unknown"}
