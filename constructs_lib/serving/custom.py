"""An image of the user's own, in Amazon ECR, by its digest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from constructs_lib.configs.serving import Contract, ServingContainer
from constructs_lib.serving.contents import MODULES_OF_PYTORCH
from constructs_lib.serving.images import ImageError, ImageNotFoundError
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

    @property
    def entry_point(self) -> str | None:
        """None for a server that answers in its own way."""
        return super().entry_point if self.contract == "handlers" else None

    def image(self, region: str, instance_type: str) -> str:  # noqa: ARG002  one for all types
        """Return the image that the config names for the region."""
        if error := self.missing_images([region]):
            raise error
        return (self.model.serving_images or {})[region]

    def missing_images(self, regions: Iterable[str]) -> ImageError | None:
        """Return the error for those for which the config names none."""
        images = self.model.serving_images or {}
        missing = ", ".join(each for each in dict.fromkeys(regions) if each not in images)
        if not missing:
            return None
        return ImageNotFoundError(
            f"serving_images of PytorchModel has no image for {missing}: each region that the model"
            f" is registered in needs one, and the home region. It has {', '.join(images)}."
            " Replicate the repository there, and add the images.",
            "model.serving_images",
        )
