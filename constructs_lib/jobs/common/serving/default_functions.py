"""The toolkit's functions for a model that has none of its own."""

from __future__ import annotations

import importlib
import io
import json
from pathlib import Path
from typing import Any

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
TEXT_TYPES = (JSON, CSV)
"""What functions get as text; anything else is bytes."""
WHAT_DEFAULTS_DO = {
    "model_fn": "loads the one TorchScript file at the model's root",
    "input_fn": "reads JSON, CSV or NPY into a tensor",
    "predict_fn": "calls the model with it",
    "output_fn": "writes JSON, CSV or NPY",
}


class UnsupportedTypeError(Exception):
    """A content type that the toolkit's default functions do not know."""

    def __init__(self, content_type: str) -> None:
        """Worded like the toolkit's error."""
        super().__init__(f"Content type {content_type} is not supported by this framework.")


def default_model_fn(model_dir: str) -> Any:
    """Return the one TorchScript file at the model's root, as the PyTorch toolkit loads it."""
    torch = importlib.import_module("torch")

    path = Path(model_dir) / "model.pt"
    if not path.exists():
        files = [file for file in Path(model_dir).iterdir() if file.suffix in (".pt", ".pth")]
        if len(files) != 1:
            names = [file.name for file in files]
            raise ValueError(
                f"Exactly one .pth or .pt file is required for PyTorch models: {names}"
            )
        path = files[0]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.jit.load(str(path), map_location=device).to(device)
    except RuntimeError as error:
        raise ValueError(
            f"Failed to load {path.name}. Please ensure model is saved using torchscript."
        ) from error


def default_input_fn(input_data: Any, content_type: str) -> Any:
    """Read a tensor of JSON, CSV or NPY."""
    np = importlib.import_module("numpy")
    torch = importlib.import_module("torch")

    if content_type == JSON:
        array = np.array(json.loads(input_data))
    elif content_type == CSV:
        array = np.genfromtxt(io.StringIO(input_data), delimiter=",")
    elif content_type == NPY:
        # Not as the toolkit: nothing that a request holds is unpickled.
        array = np.load(io.BytesIO(input_data), allow_pickle=False)
    else:
        raise UnsupportedTypeError(content_type)
    tensor = torch.FloatTensor(array) if content_type in TEXT_TYPES else torch.from_numpy(array)
    return tensor.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def default_predict_fn(data: Any, model: Any) -> Any:
    """Call the model."""
    torch = importlib.import_module("torch")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.no_grad():
        model = model.to(device)
        model.eval()
        return model(data.to(device))


def default_output_fn(prediction: Any, accept: str) -> Any:
    """JSON, CSV or NPY of a tensor or anything like an array."""
    if hasattr(prediction, "detach"):
        prediction = prediction.detach().cpu().numpy().tolist()
    for content_type in accept.replace(" ", "").split(","):
        if content_type == JSON:
            return json.dumps(prediction, default=lambda value: value.tolist())
        if content_type in (CSV, NPY):
            return encoded_array(prediction, content_type)
    raise UnsupportedTypeError(accept)


def encoded_array(prediction: Any, content_type: str) -> bytes:
    """Return an array as the toolkit encodes it."""
    np = importlib.import_module("numpy")

    if content_type == CSV:
        text = io.StringIO()
        np.savetxt(text, prediction, delimiter=",", fmt="%s")
        return text.getvalue().encode()
    binary = io.BytesIO()
    np.save(binary, prediction)
    return binary.getvalue()
