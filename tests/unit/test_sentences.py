"""Every sentence of the decision table and the paragraphs under it has tests, and they exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SENTENCES: dict[str, dict[str, list[str]]] = yaml.safe_load((ROOT / "tests" / "sentences.yaml").read_text("utf-8"))
EVERY = [(sentence, names) for part in SENTENCES.values() for sentence, names in part.items()]


@pytest.mark.parametrize(("sentence", "names"), EVERY, ids=[sentence for sentence, _ in EVERY])
def test_the_sentence_has_tests(sentence: str, names: list[str]) -> None:
    assert names, sentence
    for name in names:
        file, _, test = name.partition("::")
        if test:
            assert f"def {test}(" in (ROOT / file).read_text("utf-8"), name
        else:
            assert (ROOT / "fixtures" / "walks" / f"{name}.yaml").is_file(), name


def test_every_walk_is_of_a_sentence() -> None:
    named = {name for _, names in EVERY for name in names if "::" not in name}
    walks = {path.stem for path in (ROOT / "fixtures" / "walks").glob("*.yaml")}
    assert walks - named <= {"09_key_that_is_only_compared"}
