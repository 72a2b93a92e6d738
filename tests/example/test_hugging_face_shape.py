"""The code that ``release new --shape hugging-face`` makes, with a model of transformers itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.program import app
from commands.terminal import places

pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
tokenizers: Any = pytest.importorskip("tokenizers")

WORDS = ("[PAD]", "[UNK]", "good", "bad", "late")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A classifier of texts as ``save_pretrained`` writes it; small, and with random weights."""
    folder = tmp_path / "trained"
    words = {word: number for number, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_labels=2,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new pipeline of that shape, whose code nobody has changed."""
    (tmp_path / "cdk.json").write_text('{"context": {}}')
    monkeypatch.setattr(places, "ROOT", tmp_path)
    shape = ("--shape", "hugging-face", "--variable", "review:TEXT", "--output", "risk:NUMERIC")
    made = CliRunner().invoke(app, ["new", "reviews", "--owner", "us", *shape])
    assert made.exit_code == 0, made.output
    return "reviews"


def test_its_answers_are_the_models_probabilities(
    model: Path, pipeline: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result: Result = CliRunner().invoke(
        app, ["check-archive", pipeline, str(model), "--with-code", "--seconds", "0", "--json"]
    )

    printed = capfd.readouterr()
    evaluation = json.loads(result.stdout or printed.out)
    assert evaluation["verdict"] == "passed", (evaluation["findings"], printed.err)
    answers = [
        json.loads(each["answer"]) for each in evaluation["payloads"] if "json" in each["accept"]
    ]
    assert answers
    assert all(0 < answer["risk"] < 1 for answer in answers)
