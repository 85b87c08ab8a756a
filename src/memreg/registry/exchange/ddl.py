"""SQL DDL of eight dialects (and of any other that sqlglot reads) to a schema: statement by statement, so that one that
cannot be read does not take the others with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from memreg.core.errors import ImportInvalid, Mistake
from memreg.registry.exchange.cursor import Cursor
from memreg.registry.exchange.ddl_change import alter_table, comment_on, create_index, create_type, extended_property
from memreg.registry.exchange.ddl_comments import Comments
from memreg.registry.exchange.ddl_table import Reading, read_items
from memreg.registry.exchange.draft import DraftClass, Imported, Note
from memreg.registry.exchange.lexer import Text, Token
from memreg.registry.exchange.settle import settle
from memreg.registry.exchange.statements import Statement, statements
from memreg.registry.yaml_tree import BYTE_LIMIT, Place

DIALECTS = ("postgres", "mysql", "sqlite", "tsql", "oracle", "snowflake", "bigquery", "duckdb")

MARK = re.compile(r"memreg: schema (?P<name>[a-z][a-z0-9_]*), compatibility (?P<compatibility>[a-z_]+)")
"""The first comment of DDL that memreg wrote: there `text` is text, and the schema has a name."""

_BEFORE_TABLE = frozenset(
    {"CREATE", "OR", "REPLACE", "GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED", "TRANSIENT", "VOLATILE", "HYBRID",
     "PRIVATE", "SHARDED", "BLOCKCHAIN", "IMMUTABLE", "EXTERNAL", "FOREIGN", "DYNAMIC", "ICEBERG", "SNAPSHOT"}
)  # fmt: skip
_NO_CLASS = {
    "VIEW": "a view shows what other tables hold",
    "TRIGGER": "what happens on a change is decided by memreg's rules",
    "FUNCTION": "code is not imported",
    "PROCEDURE": "code is not imported",
    "PROC": "code is not imported",
    "PACKAGE": "code is not imported",
    "SEQUENCE": "memories have ids of their own",
    "SCHEMA": "a schema of memreg has no databases or name spaces in it",
    "DATABASE": "a schema of memreg has no databases or name spaces in it",
    "EXTENSION": "extensions are the database's own",
    "SYNONYM": "a second name of a table is not imported",
    "POLICY": "memreg keeps tenants apart by itself",
    "ROLE": "rights are the database's own",
    "USER": "rights are the database's own",
    "LOGIN": "rights are the database's own",
    "MACRO": "code is not imported",
    "STAGE": "where files are is the database's own",
    "STREAM": "what follows a table is the database's own",
    "TASK": "what follows a table is the database's own",
    "RULE": "what happens on a change is decided by memreg's rules",
    "TABLESPACE": "where data is kept is the database's own",
    "PARTITION": "how rows are spread is the database's own",
    "STATISTICS": "memreg has its own",
}
_OTHER_KINDS = frozenset(
    """
    ACCESS AGGREGATE APPLICATION ASSEMBLY CAST CATALOG CERTIFICATE CLUSTER COLLATION CONTEXT CONVERSION DEFAULT
    DIRECTORY EVENT FILE INTEGRATION LANGUAGE LIBRARY MASKING MODEL NETWORK NOTIFICATION OPERATOR PIPE PROFILE
    PUBLICATION QUEUE RESOURCE SECRET SECURITY SERVER SNAPSHOT SUBSCRIPTION TAG TEXT VIRTUAL WAREHOUSE
    """.split()
)
_MADE_ELSEWHERE = frozenset({"EXTERNAL", "FOREIGN", "DYNAMIC", "ICEBERG", "SNAPSHOT", "INHERITS"})
_DATA = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "TRUNCATE", "REPLACE", "SELECT", "LOAD", "WITH"})
_SESSION = frozenset(
    """
    ANALYZE ASSERT ATTACH BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMIT DEALLOCATE DECLARE DESCRIBE DETACH DISCARD DO ELSE
    END EXEC EXECUTE EXIT EXPLAIN EXPORT FETCH FLUSH FORCE GET GO IF IMPORT INSTALL KILL LIST LISTEN LOAD LOCK NOTIFY
    OPEN OPTIMIZE PIVOT PRAGMA PREPARE PRINT PURGE PUT QUIT REASSIGN REFRESH REINDEX RELEASE REMOVE RENAME RESET
    ROLLBACK SAVEPOINT SECURITY SET SHOW START SUMMARIZE UNLOCK UNPIVOT UNSET USE VACUUM
    """.split()
)
_RIGHTS = frozenset({"GRANT", "REVOKE", "DENY"})


def read_ddl(text: str | bytes, source: str, dialect: str, name: str | None = None) -> Imported:
    """The schema in a text of DDL, with everything that it could not carry over.

    `name`: the schema's name, else that in DDL that memreg wrote, else `source` without its ending. Raises
    ImportInvalid where no class comes of it, or the text is none.
    """
    content = _decode(text, source)
    reading = Reading(Text(content), dialect)
    found = list(statements(reading.text, dialect))
    first = next((comment for statement in found for comment in statement.comments), None)
    mark = MARK.match(first.value) if first is not None else None
    # Types are made before what has them, wherever they stand.
    for statement in sorted(found, key=lambda each: not _makes_type(each)):
        _statement(reading, statement)
    _join_repeated(reading)
    return settle(
        reading.draft,
        source,
        name=name or (mark["name"] if mark else None),
        compatibility=mark["compatibility"] if mark else "backward",
        exact_text=mark is not None and dialect in ("postgres", "sqlite"),
    )


def _makes_type(statement: Statement) -> bool:
    words = [word for word in statement.words if word not in _BEFORE_TABLE]
    return statement.words[:1] == ("CREATE",) and words[:1] in (["TYPE"], ["DOMAIN"])


def _decode(text: str | bytes, source: str) -> str:
    if len(text) > BYTE_LIMIT:
        raise ImportInvalid(source, (Mistake(f"{len(text):,} bytes, more than the {BYTE_LIMIT:,} that are read"),))
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    encoding = "utf-16" if text.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"  # as SQL Server's tools save
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ImportInvalid(source, (Mistake("not UTF-8 here: save the file as UTF-8", line, 1),)) from error


def _statement(reading: Reading, statement: Statement) -> None:
    if not statement.tokens or statement.broken is not None:
        start = statement.tokens[0].start if statement.tokens else 0
        what = "statement"
        if statement.broken is not None:
            start, what = statement.broken.start, statement.broken.what
        text = f"the {what} that begins here is never closed: what follows it is read only from the next CREATE on"
        reading.draft.not_understood(reading.text.place(start), text)
        if not statement.tokens:
            return
    cursor = Cursor(statement.tokens)
    place = reading.place(statement.tokens[0])
    first = cursor.word
    if first == "CREATE":
        _create(reading, statement, place)
    elif first == "ALTER":
        alter_table(reading, statement)
    elif first == "COMMENT":
        comment_on(reading, statement)
    elif first in ("EXEC", "EXECUTE") and extended_property(reading, statement):
        return
    elif first == "DROP":
        reading.draft.left_out(place, "DROP is left out: nothing is removed by an import")
    elif first in _RIGHTS:
        reading.draft.left_out(place, f"{first} is left out: rights are the database's own")
    elif first in _DATA:
        reading.draft.left_out(place, f"{first} is left out: an import takes no data")
    elif first in _SESSION:
        reading.draft.left_out(place, f"{first} is left out: it says nothing of what is kept")
    else:
        shown = reading.raw(statement.tokens)
        reading.draft.not_understood(place, f"{shown!r} is no statement of {reading.dialect}")


def _create(reading: Reading, statement: Statement, place: Place) -> None:
    cursor = Cursor(statement.tokens)
    kinds = cursor.skip(*_BEFORE_TABLE)
    word = cursor.word
    if cursor.take("TABLE"):
        if {"TEMP", "TEMPORARY", "VOLATILE", "PRIVATE"} & set(kinds):
            cursor.take("IF", "NOT", "EXISTS")
            reading.draft.left_out(place, f"the temporary table {cursor.name()[1]} is left out")
        elif (
            cursor.word == "FUNCTION"
            and cursor.at + 1 < len(statement.tokens)
            and statement.tokens[cursor.at + 1].is_name
        ):
            cursor.take("FUNCTION")
            reading.draft.left_out(place, f"the function {'.'.join(cursor.parts())} is left out: code is not imported")
        else:
            _table(reading, statement, cursor)
        return
    makers: dict[str, Callable[[Reading, Statement, Cursor], None]] = {
        "TYPE": create_type, "DOMAIN": create_type, "INDEX": create_index, "UNIQUE": create_index,
        "CLUSTERED": create_index, "NONCLUSTERED": create_index, "FULLTEXT": create_index, "SPATIAL": create_index,
        "BITMAP": create_index, "COLUMNSTORE": create_index, "SEARCH": create_index, "VECTOR": create_index,
    }  # fmt: skip
    if word in makers:
        makers[word](reading, statement, cursor)
        return
    what = next((token.word for token in statement.tokens[1:12] if token.word in _NO_CLASS), "")
    if what:
        while cursor.word != what:
            cursor.at += 1
        cursor.take(what)
        cursor.take("BODY")
        cursor.take("IF", "NOT", "EXISTS")
        name = ".".join(cursor.parts())
        reading.draft.left_out(place, f"the {what.lower()} {name} is left out: {_NO_CLASS[what]}")
        return
    shown = reading.raw(statement.tokens)
    if any(token.word in _OTHER_KINDS for token in statement.tokens[1:4]):
        reading.draft.left_out(place, f"{shown!r} is left out: it makes no table")
    else:
        reading.draft.not_understood(place, f"{shown!r} is no statement of {reading.dialect}")


def _table(reading: Reading, statement: Statement, cursor: Cursor) -> None:
    place = reading.place(statement.tokens[0])
    cursor.take("IF", "NOT", "EXISTS")
    name_place = reading.place(cursor.here) if cursor.here else place
    space, name = cursor.name()
    if not name:
        reading.draft.not_understood(name_place, "CREATE TABLE without a name")
        return
    if name.startswith("#") and reading.dialect == "tsql":
        reading.draft.left_out(place, f"the temporary table {name} is left out")
        return
    if name.casefold().startswith("sqlite_") and reading.dialect == "sqlite":
        reading.draft.left_out(place, f"the table {name} is left out: it is SQLite's own")
        return
    table = DraftClass(name, name_place, space)
    if cursor.word in ("AS", "LIKE", "CLONE", "USING", "FROM") or cursor.take("PARTITION", "OF"):
        reading.draft.left_out(place, f"the table {name} is made of another table or query: it is left out, as its "
                                      "columns and their types are not written here")  # fmt: skip
        return
    if cursor.take("CLUSTER", "BY"):  # Snowflake's own GET_DDL writes it before the columns
        cursor.take("LINEAR")
        cursor.brackets()
        text = f"{name}: CLUSTER BY is left out: how rows are kept is the database's own"
        reading.draft.left_out(place, text)
    items = cursor.brackets()
    if items is None and _MADE_ELSEWHERE & {token.word for token in statement.tokens}:
        reading.draft.left_out(place, f"the table {name} is left out: its columns are not written here")
        return
    if items is None:
        at = reading.place(cursor.here) if cursor.here else name_place
        is_open = cursor.here is not None and cursor.here.value == "("
        what = "the bracket that opens here is never closed" if is_open else "no columns follow its name"
        reading.draft.not_understood(at, f"CREATE TABLE {name}: {what}; the table is left out")
        return
    if reading.draft.find(space, name) is not None and reading.draft.find(space, name).space == space:  # type: ignore[union-attr]
        reading.draft.not_understood(name_place, f"the table {name} is created twice: the first is kept")
        return
    if any(not item for item in items):
        some = next((item[0] for item in items if item), statement.tokens[0])
        reading.draft.not_understood(reading.place(some), f"{name}: a comma with nothing before or behind it")
    comments = Comments(reading.text, statement.comments, items)
    table.desc = comments.above(statement.tokens[0])
    reading.draft.classes.append(table)
    read_items(reading, table, items, comments)
    _tail(reading, table, cursor)
    _hidden(reading, statement, table)


def _tail(reading: Reading, table: DraftClass, cursor: Cursor) -> None:
    """What stands behind the columns: a comment is the description, the rest is how the database keeps the rows."""
    if cursor.here is None:
        return
    place, rest = reading.place(cursor.here), cursor.rest
    left: list[Token] = []
    words = [token.word for token in rest]
    for index, token in enumerate(rest):
        if token.kind == "string":
            before = rest[max(0, index - 2) : index]
            if any(each.word in ("COMMENT", "DESCRIPTION") for each in before):
                table.desc = token.value
                continue
        left.append(token)
    if "AS" in words and "SELECT" in words:
        reading.draft.left_out(
            place, f"{table.name}: the query behind its columns is left out: an import takes no data"
        )
    for word, text in (
        ("INHERITS", "the columns that it inherits are left out: they are not written here"),
        ("SYSTEM_VERSIONING", "SYSTEM_VERSIONING is left out: every revision is kept anyway"),
    ):
        if word in words:
            reading.draft.left_out(reading.place(rest[words.index(word)]), f"{table.name}: {text}")
    options = [token for token in left if token.word not in ("", "COMMENT", "DESCRIPTION", "OPTIONS")]
    if options and not {"INHERITS", "SYSTEM_VERSIONING", "SELECT"} & set(words):
        text = f"{table.name}: {reading.raw(rest)} is left out: how rows are kept is the database's own"
        reading.draft.left_out(place, text)


def _hidden(reading: Reading, statement: Statement, table: DraftClass) -> None:
    """What MySQL reads only from some version on stands in comments."""
    for comment in statement.comments:
        if comment.start > statement.tokens[0].start and reading.text.text.startswith("/*!", comment.start):
            text = f"{table.name}: {reading.raw([comment])} is left out: only some versions of MySQL read it"
            reading.draft.left_out(reading.place(comment), text)


def _join_repeated(reading: Reading) -> None:
    """Notes of the same text become one, with the count: a dump has a thousand INSERTs."""
    found: dict[tuple[str, str], list[Note]] = {}
    for note in reading.draft.notes:
        found.setdefault((note.kind, note.text), []).append(note)
    reading.draft.notes = [_joined(each) for each in found.values()]


def _joined(notes: list[Note]) -> Note:
    first = notes[0]
    if len(notes) == 1:
        return first
    return replace(first, text=f"{first.text} ({len(notes)} times, last in line {notes[-1].line})")
