"""The data outside the app's buckets that the steps of a pipeline read and write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from constructs_lib.configs import PipelineConfigs
from constructs_lib.s3_layout import bucket_and_key


def readable_s3_uris(configs: PipelineConfigs) -> Iterator[str]:
    """Name the data that steps read."""
    if configs.base.bucket:
        yield f"s3://{configs.base.bucket}/"
    sources = [configs.model.get_source_dir()]
    if configs.training is not None:
        yield configs.training.input_path
        sources.append(configs.training.get_source_dir())
    yield from (source for source in sources if isinstance(source, str))


def writable_s3_uris(configs: PipelineConfigs, additional_prefixes: Iterable[str]) -> Iterator[str]:
    """Name the data that steps write, and read again.

    Args:
        configs: One model's configs.
        additional_prefixes: S3 URIs that executions may name instead.
    """
    if configs.training is not None:
        yield configs.training.output_path
        if configs.training.checkpoint_path:
            yield configs.training.checkpoint_path
    yield from additional_prefixes


def data_buckets(
    pipelines: Iterable[PipelineConfigs], additional_prefixes: Sequence[str]
) -> list[str]:
    """Name the buckets of all that the steps of several pipelines read and write.

    Args:
        pipelines: Each model's configs.
        additional_prefixes: S3 URIs that executions may name instead.
    """
    uris = {
        uri
        for configs in pipelines
        for uri in (*readable_s3_uris(configs), *writable_s3_uris(configs, additional_prefixes))
    }
    return sorted({bucket_and_key(uri)[0] for uri in uris})
