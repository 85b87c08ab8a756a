"""Reading along the tokens of a statement: words, names with what stands before them, and what is in brackets."""

from __future__ import annotations

from collections.abc import Sequence

from memreg.registry.exchange.lexer import Token

_OPENS_ANGLE = frozenset({"ARRAY", "STRUCT", "MAP", "RANGE"})


class Cursor:
    """A place among tokens."""

    def __init__(self, tokens: Sequence[Token], at: int = 0) -> None:
        self.tokens = tuple(tokens)
        self.at = at

    @property
    def here(self) -> Token | None:
        """The next token; None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    @property
    def rest(self) -> tuple[Token, ...]:
        """The tokens not yet read."""
        return self.tokens[self.at :]

    @property
    def word(self) -> str:
        """The next plain word in capitals; empty where there is none."""
        return self.here.word if self.here else ""

    def take(self, *words: str) -> bool:
        """Steps over these words, one after the other; False, without a step, where others stand there."""
        if [token.word for token in self.tokens[self.at : self.at + len(words)]] != list(words):
            return False
        self.at += len(words)
        return True

    def skip(self, *words: str) -> list[str]:
        """Steps over any of these words; those that were there."""
        found: list[str] = []
        while self.word in words and self.word:
            found.append(self.word)
            self.at += 1
        return found

    def sign(self, value: str) -> bool:
        """Steps over a sign, if it stands here."""
        if self.here is None or self.here.kind != "sign" or self.here.value != value:
            return False
        self.at += 1
        return True

    def parts(self) -> tuple[str, ...]:
        """A name with what stands before it, as `("public", "customer")`; empty where there is none."""
        found: list[str] = []
        while self.here is not None and (self.here.is_name or self.here.kind == "string"):
            quoted = self.here.kind == "quoted"
            # BigQuery quotes a whole path, and other dialects never have a dot in a table's name
            found.extend(self.here.value.split(".") if quoted else [self.here.value])
            self.at += 1
            if not self.sign("."):
                break
            while self.sign("."):  # tempdb..t
                pass
        return tuple(found)

    def name(self) -> tuple[str, str]:
        """A name as (what stands before it, name); two empty texts where there is none."""
        parts = self.parts()
        return (parts[-2] if len(parts) > 1 else "", parts[-1]) if parts else ("", "")

    def string(self) -> str | None:
        """Steps over a string, if one stands here, and over those right behind it, which SQL joins: its value."""
        found: list[str] = []
        while self.here is not None and self.here.kind == "string":
            found.append(self.here.value)
            self.at += 1
        return "".join(found) if found else None

    def brackets(self) -> tuple[tuple[Token, ...], ...] | None:
        """Steps over what is in round brackets: its parts between commas. None, without a step, where no bracket opens
        here or it is never closed."""
        if self.here is None or self.here.kind != "sign" or self.here.value != "(":
            return None
        end = self.closing()
        if end is None:
            return None
        inside = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return split(inside)

    def closing(self) -> int | None:
        """The index of the bracket that closes the one here."""
        depth = 0
        for index in range(self.at, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == "sign" and token.value in "()":
                depth += 1 if token.value == "(" else -1
                if depth == 0:
                    return index
        return None


def split(tokens: Sequence[Token]) -> tuple[tuple[Token, ...], ...]:
    """Tokens between commas that stand in no bracket; empty parts are kept, as they are a mistake."""
    parts: list[list[Token]] = [[]]
    depth = angles = 0
    for index, token in enumerate(tokens):
        if token.kind == "sign":
            if token.value in "([{":
                depth += 1
            elif token.value in ")]}":
                depth -= 1
            elif token.value == "<" and (angles or (index and tokens[index - 1].word in _OPENS_ANGLE)):
                angles += 1
            elif token.value == ">" and angles:
                angles -= 1
            elif token.value == "," and depth == 0 and angles == 0:
                parts.append([])
                continue
        parts[-1].append(token)
    if parts == [[]]:
        return ()
    return tuple(tuple(part) for part in parts)


def names_in(parts: Sequence[Sequence[Token]]) -> tuple[str, ...] | None:
    """The column of each part, as in `(a, b DESC, c(10))`; None where one is an expression."""
    found: list[str] = []
    for part in parts:
        if not part or not (part[0].is_name or part[0].kind == "string"):
            return None
        rest = Cursor(part, 1)
        if rest.here is not None and rest.here.value == "(":
            length = rest.brackets()
            if length is None or len(length) != 1 or len(length[0]) != 1 or not length[0][0].value.isdigit():
                return None
        rest.skip("ASC", "DESC", "NULLS", "FIRST", "LAST", "AUTOINCREMENT")
        if rest.here is not None and rest.word not in ("COLLATE", "TEXT_PATTERN_OPS", "VARCHAR_PATTERN_OPS"):
            return None
        found.append(part[0].value)
    return tuple(found)
