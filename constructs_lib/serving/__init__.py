"""The containers that serve models, one small class each: image, layout, start, versions, workers.

profile = serving_profile(configs.model)
profile.entrypoint    # ('/usr/local/bin/sagemaker_entrypoint.sh', 'serve')
"""

from __future__ import annotations

from typing import Final

from constructs_lib.configs import PytorchModelCreationConfig
from constructs_lib.serving.custom import CustomProfile
from constructs_lib.serving.hugging_face import HuggingFaceProfile
from constructs_lib.serving.profile import ServingProfile
from constructs_lib.serving.pytorch import PytorchProfile
from constructs_lib.serving.ray import RayProfile

_PROFILES: Final[dict[str, type[ServingProfile]]] = {
    each.name: each for each in (PytorchProfile, RayProfile, HuggingFaceProfile, CustomProfile)
}


def serving_profile(model: PytorchModelCreationConfig) -> ServingProfile:
    """Return the profile of the container that serves a model."""
    return _PROFILES[model.serving_container](model)
