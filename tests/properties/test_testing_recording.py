"""Properties of recordings: whatever was kept comes back as it was, from YAML and from JSON."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from memreg.testing.recording import Question, Recording

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "2026-03-02",
        "yes",
        "null",
        "1e3",
        " \n x\n",
        "\n",
        "a: b\n- c",
        "# no\n",
        "\ttab\n",
        "\x85\u2028\n",
        "|",
        "---\n",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(TEXTS, TEXTS, VALUES, st.sampled_from([".yaml", ".json"]))
def test_what_was_kept_comes_back(asked: str, prompt: str, value: Any, ending: str) -> None:
    question = Question(asked, prompt)
    with TemporaryDirectory() as folder:
        recording = Recording(f"{folder}/r{ending}", "record")
        recording.keep(Question(asked + "before", prompt), {"value": value})
        recording.keep(question, {"value": value})
        assert Recording(f"{folder}/r{ending}", "replay").answer_to(question) == {"value": value}
