"""Comments of a file of DDL as descriptions: what stands behind a column on its line, or on the lines right above."""

from __future__ import annotations

from collections.abc import Sequence

from memreg.registry.exchange.lexer import Text, Token
from memreg.registry.exchange.plain_comment import plain_comment


class Comments:
    """The comments of one statement. `items`: the parts of it that they may speak of."""

    def __init__(self, text: Text, comments: Sequence[Token], items: Sequence[Sequence[Token]] = ()) -> None:
        self._text = text
        self._comments = [each for each in comments if not text.text.startswith(("/*!", "/*+"), each.start)]
        self._taken: dict[int, list[Token]] = {}
        spans = [(item[0].start, item[-1].end) for item in items if item]
        for comment in self._comments:
            owner = self._owner(comment, spans)
            if owner is not None:
                self._taken.setdefault(owner, []).append(comment)

    def of(self, item: Sequence[Token]) -> str:
        """What is said of a part; what stands behind it counts before what stands above it."""
        found = self._taken.get(item[0].start, [])
        behind = [comment for comment in found if comment.start > item[0].start]
        return _joined(behind or found)

    def above(self, first: Token) -> str:
        """What is said on the lines right above a statement."""
        found: list[Token] = []
        line = self._text.line(first.start)
        for comment in reversed([each for each in self._comments if each.end <= first.start]):
            if self._text.line(comment.end) != line - 1 or not self._alone(comment):
                break
            found.insert(0, comment)
            line = self._text.line(comment.start)
        return _joined(found)

    def _owner(self, comment: Token, spans: Sequence[tuple[int, int]]) -> int | None:
        line = self._text.line(comment.start)
        if not self._alone(comment):
            behind = [start for start, end in spans if start < comment.start and self._text.line(end - 1) == line]
            inside = [start for start, end in spans if start < comment.start < end]
            return inside[-1] if inside else behind[-1] if behind else None
        following = [start for start, _ in spans if start > comment.start]
        inside = [start for start, end in spans if start < comment.start < end]
        if inside or not following:
            return None
        between = [each for each in self._comments if comment.end <= each.start < following[0] and self._alone(each)]
        last = comment
        for each in between:
            if self._text.line(each.start) != self._text.line(last.end) + 1:
                return None
            last = each
        return following[0] if self._text.line(following[0]) == self._text.line(last.end) + 1 else None

    def _alone(self, comment: Token) -> bool:
        """Whether nothing stands before it on its line."""
        return not self._text.text[self._text.line_start(comment.start) : comment.start].strip()


def _joined(comments: Sequence[Token]) -> str:
    return plain_comment("\n".join(comment.value for comment in comments))
