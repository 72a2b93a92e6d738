"""Fields that the other formats of a config file call by another name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OF_OLDER_FILES: Final[Mapping[str, str]] = {
    "packaging_entry_point": "processing_entry_point",
    "packaging_script_arguments": "processing_script_arguments",
}
"""What the first files call a field, and what it is called now."""
OF_THE_LATER_TOOL: Final[Mapping[str, str]] = {
    "load_test_instance_type_list": "inference_instance_types",
    "model_domain": "model_registration_domain",
    "model_objective": "model_registration_objective",
}
"""What a later tool calls a field, and what it is called here."""
