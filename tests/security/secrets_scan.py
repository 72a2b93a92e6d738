"""Searches what the app has written for planted secrets, and for what looks like one."""

from __future__ import annotations

import gzip
import io
import math
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAQ7RT2M5XW3CANARY",
    "AWS_SECRET_ACCESS_KEY": "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",
    "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2VjEcanary0aCXVzLWVhc3QtMSJHMEUCIQDx7Tz",
    "DATABASE_PASSWORD": "correct-horse-battery-canary",
    "GITHUB_TOKEN": "ghp_c4n4ry7Xq2LmR9tVwYbN3kPsD8fGhJ5uZaEi",
}
"""Environment variables with secrets that have to stay where they are."""

_PATTERNS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,})",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}",
    "a password in a URL": r"\b[a-z][a-z0-9+]*://[^/\s:@'\"]+:[^/\s:@'\"]+@",
    "a password that is set": (
        r"(?i)(?:password|passwd|secret|(?<![a-z])token)[\"']?\s*[:=]\s*[\"'][^\"'\s$<{]{8,}[\"']"
    ),
}
_RANDOM = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40}={0,2}(?![A-Za-z0-9+/=])")
"""As long as an AWS secret access key."""
_BITS_PER_CHARACTER = 4.6
"""Random base64 of that length has about 4.9, hexadecimal at most 4, words about 4."""


def findings(folder: Path) -> list[str]:
    """Name every file, also inside of archives, that holds what may be a secret."""
    return [
        f"{name}: {what}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for name, content in _contents(str(path.relative_to(folder)), path.read_bytes())
        for what in secrets_in(content)
    ]


def secrets_in(content: bytes) -> Iterator[str]:
    """Tell what a content may hold."""
    for variable, value in PLANTED.items():
        if value.encode() in content:
            yield f"the planted {variable}"
    text = content.decode("utf-8", errors="ignore")
    for what, pattern in _PATTERNS.items():
        if match := re.search(pattern, text):
            yield f"{what}: {match[0][:60]}"
    for word in _RANDOM.findall(text):
        if _entropy(word) > _BITS_PER_CHARACTER:
            yield f"random text: {word}"


def _entropy(word: str) -> float:
    shares = [count / len(word) for count in Counter(word).values()]
    return -sum(share * math.log2(share) for share in shares)


def _contents(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from _contents(f"{name}/{member}", archive.read(member))
    elif content.startswith(b"\x1f\x8b"):
        unpacked = gzip.decompress(content)
        try:
            with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
                for info in archive:
                    if file := archive.extractfile(info):
                        yield from _contents(f"{name}/{info.name}", file.read())
        except tarfile.ReadError:
            yield f"{name} (unpacked)", unpacked
