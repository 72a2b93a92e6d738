"""An image of the user's own, in Amazon ECR, by its digest."""

from __future__ import annotations

from typing import ClassVar

from constructs_lib.configs.serving import Contract, ServingContainer
from constructs_lib.serving.contents import MODULES_OF_PYTORCH
from constructs_lib.serving.images import ImageNotFoundError
from constructs_lib.serving.profile import ServingProfile


class CustomProfile(ServingProfile):
    """What the config says of it: images, the command that starts it, and how it serves."""

    name: ClassVar[ServingContainer] = "custom"
    title: ClassVar[str] = "images of your own"
    modules: ClassVar[frozenset[str]] = MODULES_OF_PYTORCH
    installs_requirements: ClassVar[bool] = False
    """What its start does, only its author knows."""

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """As declared."""
        return tuple(self.model.serving_entrypoint or ())

    @property
    def contract(self) -> Contract:
        """As declared."""
        return self.model.serving_contract or "handlers"

    def image(self, region: str, instance_type: str) -> str:  # noqa: ARG002  one for all types
        """Return the image that the config names for the region."""
        images = self.model.serving_images or {}
        if region not in images:
            raise ImageNotFoundError(
                f"serving_images of PytorchModel has no image for {region}, which needs one: each"
                " region that the model is registered in, and the home region. It has"
                f" {', '.join(images)}. Replicate the repository to {region}, and add the image.",
                "model.serving_images",
            )
        return images[region]
