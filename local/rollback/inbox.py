"""What the app's topic tells people, as someone who has subscribed reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from constructs_lib.aws.handle import AwsHandle

_NAME = "rollback-demo-inbox"


class Mail(NamedTuple):
    """A notification."""

    subject: str
    text: str


@dataclass(frozen=True)
class Inbox:
    """A queue that a topic sends to."""

    sqs: Any
    url: str

    @classmethod
    def subscribe(cls, aws: AwsHandle, topic_arn: str) -> Inbox:
        """Subscribe to a topic, as a person does by an address."""
        region, account = topic_arn.split(":")[3:5]
        arn = f"arn:aws:sqs:{region}:{account}:{_NAME}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs = aws.client("sqs", region)
        url = sqs.create_queue(QueueName=_NAME, Attributes={"Policy": policy})["QueueUrl"]
        aws.client("sns", region).subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
        return cls(sqs, url)

    def read(self) -> list[Mail]:
        """Take what has come since the last time."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.url).get("Messages", []):
            for message in messages:
                body = json.loads(message["Body"])
                found.append(Mail(body.get("Subject") or "", body["Message"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found
