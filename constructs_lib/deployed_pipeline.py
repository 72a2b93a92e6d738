"""Reads a deployed pipeline from AWS, or from the embedded AWS when the environment says so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from constructs_lib.errors import ReleaseError
from constructs_lib.regions import DEFAULT_HOME_REGION
from constructs_lib.s3_uris import bucket_and_key


class DeployedPipelineError(ReleaseError):
    """The pipeline, or an object that it refers to, cannot be read from AWS."""


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline in AWS, read with the credentials of the environment."""

    name: str
    region: str = DEFAULT_HOME_REGION

    def definition(self) -> dict[str, Any]:
        """Read the definition, its deploy-time values filled in.

        Raises:
            DeployedPipelineError: There is no such pipeline, or AWS cannot be reached.
        """
        try:
            description = self._client("sagemaker").describe_pipeline(PipelineName=self.name)
        except (BotoCoreError, ClientError) as error:
            raise DeployedPipelineError(
                f"Cannot read the pipeline {self.name!r} in {self.region}: {error}.\n"
                f"{self._names()}"
            ) from error
        definition: dict[str, Any] = json.loads(description["PipelineDefinition"])
        return definition

    def read_s3_object(self, s3_uri: str) -> bytes:
        """Read an object that the definition refers to.

        Raises:
            DeployedPipelineError: The object is missing or may not be read.
        """
        bucket, key = bucket_and_key(s3_uri)
        try:
            content: bytes = self._client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise DeployedPipelineError(
                f"Cannot read {s3_uri}, which the pipeline {self.name!r} refers to: {error}."
            ) from error
        return content

    def _client(self, service: str) -> Any:
        return boto3.client(service, region_name=self.region)

    def _names(self) -> str:
        try:
            pages = self._client("sagemaker").get_paginator("list_pipelines").paginate()
            names = [each["PipelineName"] for page in pages for each in page["PipelineSummaries"]]
        except (BotoCoreError, ClientError):
            return "Check the credentials and the region."
        return f"Deployed there: {', '.join(sorted(names)) or 'none'}."
