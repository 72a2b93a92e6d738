"""Queues, for what services tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from local.emulator import EmbeddedAws
from tests.local.emulator.policies import allow, document


@dataclass(frozen=True)
class Queue:
    """A queue, and its messages."""

    aws: EmbeddedAws
    url: str
    arn: str

    @classmethod
    def create(cls, aws: EmbeddedAws, name: str, *, sender: str | None = None) -> Queue:
        """Create one that a service may send to, if one is named."""
        sqs = aws.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        arn = found["QueueArn"]
        if sender is not None:
            may = allow("sqs:SendMessage", arn, Principal={"Service": sender})
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(may)})
        return cls(aws, url, arn)

    def messages(self) -> list[dict[str, Any]]:
        """Wait for deliveries, and take all messages."""
        self.aws.house.settle()
        sqs = self.aws.client("sqs")
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for each in messages:
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
            found += messages
        return found

    def texts(self) -> list[str]:
        """Take what the messages say, as they say it."""
        return [str(each["Body"]) for each in self.messages()]

    def bodies(self) -> list[Any]:
        """Take what the messages say."""
        return [json.loads(each) for each in self.texts()]
