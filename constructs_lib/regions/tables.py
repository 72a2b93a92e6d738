"""What the libraries' tables tell of AWS regions. Asks no AWS, and needs no credentials.

Sources: ``endpoints.json`` of botocore, which the AWS SDKs share, and the SageMaker SDK's tables of
container images, which are read without importing it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

PARTITION: Final = "aws"
"""The partition whose regions the app releases in."""
_SAGEMAKER: Final = "api.sagemaker"
"""What botocore calls the endpoints of the service ``sagemaker``."""


@cache
def sagemaker_regions() -> tuple[str, ...]:
    """Return the regions of the partition ``aws`` that have Amazon SageMaker AI, sorted."""
    return tuple(sorted(_endpoints().get_available_endpoints(_SAGEMAKER, PARTITION)))


@cache
def home_regions() -> tuple[str, ...]:
    """Return those of them in which AWS publishes scikit-learn's container, which packages models.

    Models are registered in the others from a home region elsewhere.
    """
    versions = _image_table("sklearn")["inference"]["versions"].values()
    published = {region for version in versions for region in version["registries"]}
    return tuple(region for region in sagemaker_regions() if region in published)


def partition_of(region: str) -> str | None:
    """Return the partition of a region such as ``cn-north-1``, None where no partition has such.

    By the form of its name: a partition's regions need not all exist.
    """
    from botocore.exceptions import UnknownRegionError

    try:
        return str(_endpoints().get_partition_for_region(region))
    except UnknownRegionError:
        return None


def _image_table(framework: str) -> Any:
    found = find_spec("sagemaker")
    folders = found.submodule_search_locations if found else None
    (file,) = (
        path
        for folder in folders or ()
        if (path := Path(folder, "core", "image_uri_config", f"{framework}.json")).is_file()
    )
    return json.loads(file.read_bytes())


@cache
def _endpoints() -> Any:
    # Here: who uses regions with names only starts without botocore.
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    return EndpointResolver(Loader().load_data("endpoints"))
