"""What annotating comes to: told before the call is made, and after it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from memreg.annotator.heuristic import annotate
from memreg.annotator.question import SampleRows, question
from memreg.registry.models import ClassAnnotation, SchemaSpec

CHARACTERS_A_TOKEN = 4
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A call that is about to be made: one, or two where the first answer is refused.

    `tokens_in`: characters of the prompt and of the answer's schema, divided by 4. `tokens_out`: the same of an answer
    as long as what the rules would say. `sample_rows`: how many rows are sent. Prices are per million tokens.
    """

    model: str
    tokens_in: int
    tokens_out: int
    sample_rows: int = 0
    price_in: float | None = None
    price_out: float | None = None

    @property
    def cost(self) -> float | None:
        """What the call costs, in the currency of the prices; None where no price is set."""
        return cost_of(self.tokens_in, self.tokens_out, self.price_in, self.price_out)

    @property
    def sentence(self) -> str:
        """The estimate in one line."""
        rows = f"{self.sample_rows} sample row{'' if self.sample_rows == 1 else 's'}" if self.sample_rows else "no rows"
        money = "" if self.cost is None else f", about {money_text(self.cost)}"
        return (
            f"One call of {self.model}: about {self.tokens_in:,} tokens of prompt ({rows} sent) and"
            f" {self.tokens_out:,} of answer{money}; twice that where its first answer is refused"
        )


@dataclass(frozen=True, slots=True)
class Reused:
    """No call: the same content was annotated by the same model and prompt in `version` (as `notes@1`) before."""

    version: str
    ordinal: int
    model: str | None = None

    @property
    def sentence(self) -> str:
        """Where the annotation is from, in one line."""
        return f"No call: reused from {self.version}, annotation {self.ordinal}; --fresh asks again"


@dataclass(frozen=True, slots=True)
class Spent:
    """What the calls took; None where the server did not count."""

    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    price_in: float | None = None
    price_out: float | None = None

    @property
    def cost(self) -> float | None:
        """What they cost, in the currency of the prices; None where it is not known."""
        return cost_of(self.tokens_in, self.tokens_out, self.price_in, self.price_out)

    @property
    def sentence(self) -> str:
        """What was spent, in one line."""
        if self.tokens_in is None and self.tokens_out is None:
            return f"{self.model or 'The model'} did not say how many tokens it took"
        money = "" if self.cost is None else f", {money_text(self.cost)}"
        told = f"{self.tokens_in or 0:,} tokens of prompt and {self.tokens_out or 0:,} of answer"
        return f"{self.model or 'The model'} took {told}{money}"


Event = Estimate | Reused | Spent


def estimate_of(
    spec: SchemaSpec,
    samples: SampleRows | None,
    model: str,
    price_in: float | None = None,
    price_out: float | None = None,
) -> Estimate:
    """What asking a model about a schema's classes will come to."""
    ask = question(spec, samples)
    schema = json.dumps(ask.shape.model_json_schema(), ensure_ascii=False)
    return Estimate(
        model=model,
        tokens_in=_tokens(ask.system + ask.user + schema),
        tokens_out=_tokens(_likely_answer(spec)),
        sample_rows=sum(len(rows) for rows in (samples or {}).values()),
        price_in=price_in,
        price_out=price_out,
    )


def cost_of(
    tokens_in: int | None, tokens_out: int | None, price_in: float | None, price_out: float | None
) -> float | None:
    """Tokens at prices per million; None where no price is set, or tokens that have a price were not counted."""
    parts = [(tokens, price) for tokens, price in ((tokens_in, price_in), (tokens_out, price_out)) if price is not None]
    if not parts or any(tokens is None for tokens, _ in parts):
        return None
    return sum((tokens or 0) * price for tokens, price in parts) / MILLION


def money_text(amount: float) -> str:
    """An amount with as many places as it needs: 0.00042, 0.31, 12.50."""
    return f"{amount:.2f}" if amount >= 0.1 or amount == 0 else f"{amount:.2g}"


def _tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_A_TOKEN)


def _likely_answer(spec: SchemaSpec) -> str:
    return json.dumps({"classes": [_answer(name, each) for name, each in annotate(spec).classes.items()]})


def _answer(name: str, annotation: ClassAnnotation) -> dict[str, Any]:
    return {
        "class": name,
        "searchable": dict(annotation.searchable),
        "compare": list(annotation.compare),
        "identity": [
            {"columns": key.columns, "strength": key.strength, "confidence": key.confidence, "rationale": key.rationale}
            for key in annotation.identity
        ],
        "confidence": annotation.confidence,
        "rationale": annotation.rationale,
    }
