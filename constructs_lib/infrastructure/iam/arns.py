"""What ARNs begin with, read from CDK once: each access to ``aws_cdk.Aws`` is a call to Node."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Stack

from constructs_lib.s3_layout import bucket_and_key, folder_uri

PARTITION: Final = Aws.PARTITION
"""Partition of the deployment (a token)."""
ACCOUNT: Final = Aws.ACCOUNT_ID
"""Account of the deployment (a token)."""


def s3_arn(name: str) -> str:
    """Return the ARN of a bucket; with ``/<key>`` after its name, of an object."""
    return f"arn:{PARTITION}:s3:::{name}"


def objects_in(uri: str) -> str:
    """Name what is in a folder, as the ARNs of objects do: ``bucket/folder/*``.

    Args:
        uri: ``s3://bucket/folder``, or a whole bucket.
    """
    bucket, key = bucket_and_key(uri)
    return "/".join([bucket, *filter(None, [key.strip("/")]), "*"])


class StackArns:
    """ARNs in the partition, region and account of one stack."""

    def __init__(self, stack: Stack) -> None:
        """Read what the ARNs of the stack's resources begin with.

        Args:
            stack: Where the resources are.
        """
        self._partition = stack.partition
        self._place = f"{stack.region}:{stack.account}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource.

        Args:
            service: The service's namespace, such as ``sagemaker``.
            resource: What follows the account: ``model/pipelines-*``.
        """
        return f"arn:{self._partition}:{service}:{self._place}:{resource}"

    def bucket(self, name: str) -> str:
        """Return the ARN of a bucket; with ``/<key>`` after its name, of an object."""
        return f"arn:{self._partition}:s3:::{name}"

    def folder(self, uri: str) -> str:
        """Return the ARN of what is in a folder: ``train`` is not ``training-secret``.

        Args:
            uri: ``s3://bucket/folder``, or a whole bucket.
        """
        return self.bucket(objects_in(uri))

    def file_or_folder(self, uri: str) -> str:
        """Return the ARN of the file of that name, or of what is in the folder of that name."""
        location = folder_uri(uri)
        if location.endswith("/"):
            return self.folder(location)
        return self.bucket("/".join(bucket_and_key(location)))
