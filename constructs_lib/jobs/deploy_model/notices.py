"""What people are told of a deployment, by the app's topic."""

from __future__ import annotations

import logging
from typing import Final

from .errors import FAILURES
from .work import Work

_SUBJECT_CHARACTERS: Final = 99
"""Amazon SNS API Reference, Publish: a subject has "less than 100 characters"."""

logger = logging.getLogger(__name__)


def tell(work: Work, subject: str, *lines: str) -> None:
    """Publish a message, where the app has a topic; once more publishes it again.

    What cannot be published is logged: nothing is taken back because nobody could be told.
    """
    logger.info("%s", subject)
    topic = work.settings["topic_arn"]
    if topic is None:
        return
    printable = "".join(each if " " <= each <= "~" else "?" for each in subject)
    try:
        work.clients.topics.publish(
            TopicArn=topic,
            Subject=printable[:_SUBJECT_CHARACTERS],
            Message="\n".join([*lines, "", f"Execution: {work.execution['arn']}"]),
        )
    except FAILURES as error:
        logger.warning("Nobody was told: %s", error)
