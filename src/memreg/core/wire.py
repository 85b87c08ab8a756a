"""A round trip told to Postgres directly: statements that are known beforehand, sent at once and read at once.

psycopg makes a cursor for every statement, converts its text, and sends it by itself. Here the text was converted once
and for all (`memreg.core.queries`), and there are no cursors; adapting values, preparing statements and waiting are
psycopg's own. Its register of what is prepared is shared with its cursors, but private to it.

Looked at, once in a process, are that register (imported, and taken through one statement that comes to be prepared),
what adapts values, the flags of waiting, and how an error is made of an answer: where one cannot be imported or is not
what it is known to be, `is_known` and `is_fit` say so, and cursors are used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor, NotSupportedError, OperationalError
from psycopg.adapt import PyFormat
from psycopg.pq import ConnStatus, ExecStatus

from memreg.core.queries import Statement
from memreg.core.steps import Row, Rows

if TYPE_CHECKING:
    from psycopg.abc import PQGen, Transformer
    from psycopg.pq.abc import PGconn, PGresult

AnyConnection = Connection[Row] | AsyncConnection[Row]

_ADAPTS = "memreg_adapts"
_FAILED, _ROWS = int(ExecStatus.FATAL_ERROR), int(ExecStatus.TUPLES_OK)
_COPIES = frozenset(map(int, (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)))

try:
    from psycopg import capabilities
    from psycopg.adapt import Transformer as Adapting
    from psycopg.errors import error_from_result
    from psycopg.waiting import Ready, Wait

    _READ, _BOTH, _READABLE = Wait.R, Wait.RW, Ready.R
except (ImportError, AttributeError):
    _IS_IMPORTED = False
else:
    _IS_IMPORTED = True


def _executes() -> Mapping[type, Any]:
    """How psycopg itself executes, by class; a class is left out where somebody has wrapped it."""
    kinds = (Connection, AsyncConnection, Cursor, AsyncCursor)
    return {kind: kind.execute for kind in kinds if _is_its_own(kind.execute)}


def _is_its_own(execute: Any) -> bool:
    """Whether a function is one of psycopg's files; what stands for another function may also show that one's code."""
    folder = Path(psycopg.__file__).parent
    return type(execute) is FunctionType and Path(execute.__code__.co_filename).is_relative_to(folder)


_EXECUTE = _executes()


class _Asked:
    """A statement with its parameters as they are sent, in the form that psycopg's register of what is prepared takes:
    `query`, `types`."""

    __slots__ = ("formats", "params", "query", "types")

    def __init__(self, statement: Statement, adapts: Transformer) -> None:
        query, params = statement.query, statement.params
        self.query = query.numbered
        self.params: Sequence[Any] | None = None
        self.types: tuple[int, ...] = ()
        self.formats: Sequence[Any] | None = None
        if query.order:
            values = [params[name] for name in query.order]
            self.params = adapts.dump_sequence(values, [PyFormat.AUTO] * len(values))
            self.types, self.formats = adapts.types or (), adapts.formats


def is_fit(conn: AnyConnection) -> bool:
    """Whether `ask` may be used for a connection: psycopg is as it is known, and nobody wants to see each statement
    pass, as an instrumentation does: it wraps how they are executed, or gives cursors of its own."""
    cursor = AsyncCursor if isinstance(conn, AsyncConnection) else Cursor
    return (
        conn.cursor_factory is cursor
        and cursor.execute is _EXECUTE.get(cursor)
        and type(conn).execute is _EXECUTE.get(type(conn))
        and hasattr(conn, "_prepared")
        and is_known()
    )


def is_known() -> bool:
    """Whether psycopg is as this module knows it."""
    return _prepare() is not None


@cache
def _prepare() -> Any:
    """How psycopg's register of prepared statements says what to do with one: not to prepare it (NO), to do so first
    (SHOULD), or that it is (YES). None where psycopg does not work as it is known to."""
    if not _IS_IMPORTED:
        return None
    try:
        module = import_module("psycopg._preparing")
        prepare, register, one = module.Prepare, module.PrepareManager(), _Asked.__new__(_Asked)
        one.query, one.types = b"select 1", ()
        register.prepare_threshold = 1
        first = register.get(one), register.maybe_add_to_cache(one, prepare.NO, b"")
        again, name = register.get(one)
        second = again, register.maybe_add_to_cache(one, again, name)
        known = (
            first == ((prepare.NO, b""), (b"select 1", ()))
            and second == (prepare.SHOULD, None)
            and register.get(one) == (prepare.YES, name)
            and isinstance(name, bytes)
            and not register._to_flush
            and callable(register._to_flush.popleft)
            and callable(register.validate)
            and _adapts_as_known()
            and bool(_BOTH & _READABLE)
            and callable(error_from_result)
            and callable(capabilities.has_send_close_prepared)
        )
    except (ImportError, AttributeError, TypeError, ValueError):
        return None
    return prepare if known else None


def _adapts_as_known() -> bool:
    adapts = Adapting()
    dumped = adapts.dump_sequence(["x"], [PyFormat.AUTO])
    return (
        list(dumped) == [b"x"]
        and len(adapts.types or ()) == len(adapts.formats or ()) == 1
        and isinstance(adapts.encoding, str)
        and callable(adapts.set_pgresult)
        and callable(adapts.load_rows)
    )


def ask(conn: AnyConnection, asked: Sequence[Statement]) -> PQGen[list[Rows]]:
    """Send statements in one round trip, for `conn.wait` to drive; gives the rows of each, none where it returns none
    or they are not read.

    Raises the error of the first that fails; those after it were not run. Raises NotSupportedError for COPY, whose data
    nobody would carry; the connection is closed then.
    """
    adapts = _adapts(conn)
    statements = [_Asked(each, adapts) for each in asked]
    pgconn, prepared, prepare = conn.pgconn, conn._prepared, _prepare()
    pgconn.enter_pipeline_mode()
    try:
        new: list[tuple[int, Any, Any, bytes]] = []
        places: list[int] = []
        count = _maintain(pgconn, prepared)
        for each in statements:
            how, name = prepared.get(each)  # type: ignore[arg-type]  # it asks for the query and the types only
            if how is prepare.NO:
                pgconn.send_query_params(
                    each.query, each.params, param_types=each.types or None, param_formats=each.formats
                )
            else:
                if how is prepare.SHOULD:
                    pgconn.send_prepare(name, each.query, param_types=each.types or None)
                    count += 1
                pgconn.send_query_prepared(name, each.params, param_formats=each.formats)
            key = prepared.maybe_add_to_cache(each, how, name)  # type: ignore[arg-type]  # likewise
            if key is not None:
                new.append((count, key, how, name))
            places.append(count)
            count += 1
        pgconn.pipeline_sync()
        results = yield from _exchange(pgconn, count + 1)
    finally:
        _leave(pgconn)
    for place, key, how, name in new:
        prepared.validate(key, how, name, results[place : place + 1])
    for result in results:
        if result.status == _FAILED:
            raise error_from_result(result, encoding=adapts.encoding)
    try:
        return [
            _rows(adapts, results[place]) if each.is_read else [] for each, place in zip(asked, places, strict=True)
        ]
    finally:
        adapts.set_pgresult(None)  # a connection that lies idle holds on to no answer


def undo(conn: AnyConnection) -> PQGen[None]:
    """Roll back a transaction, for `conn.wait` to drive, and let psycopg keep what it knows to be prepared."""
    pgconn = conn.pgconn
    pgconn.enter_pipeline_mode()
    try:
        pgconn.send_query_params(b"rollback", None)
        pgconn.pipeline_sync()
        yield from _exchange(pgconn, 2)
    finally:
        _leave(pgconn)


def _adapts(conn: AnyConnection) -> Transformer:
    """What adapts values between Python and a connection. It keeps how, which a cursor's finds out each time."""
    kept = vars(conn)
    found: Transformer | None = kept.get(_ADAPTS)
    if found is None:
        found = kept[_ADAPTS] = Adapting(conn)
    return found


def _maintain(pgconn: PGconn, prepared: Any) -> int:
    """Have Postgres forget what psycopg has no more room for, or does not trust any more; gives how often that is
    answered."""
    count = 0
    while prepared._to_flush:
        name = prepared._to_flush.popleft()
        if name is not None and capabilities.has_send_close_prepared():
            pgconn.send_close_prepared(name)
        else:
            pgconn.send_query_params(b"DEALLOCATE " + (name or b"ALL"), None)
        count += 1
    return count


def _exchange(pgconn: PGconn, count: int) -> PQGen[list[PGresult]]:
    """Send what waits to be sent, and read so many answers, the last of which is the pipeline's."""
    while pgconn.flush():
        while not (ready := (yield _BOTH)):  # nothing yet, also where it goes on after an interruption
            continue
        if ready & _READABLE:  # Postgres answers meanwhile, and goes on reading only where that is taken off it
            pgconn.consume_input()
    results: list[PGresult] = []
    while len(results) < count:
        try:
            while pgconn.is_busy():
                while not (yield _READ):
                    continue
                pgconn.consume_input()
        except OperationalError:
            if any(result.status == _FAILED for result in results):
                return results  # Postgres said why before it hung up
            raise
        result = pgconn.get_result()
        if result is None:
            raise OperationalError(pgconn.get_error_message())
        if result.status in _COPIES:
            told = "COPY cannot be part of a plan; whether what was sent along with it was kept is not known"
            raise NotSupportedError(f"{told}: use `cursor.copy` in a transaction")
        results.append(result)
        if len(results) < count:
            pgconn.get_result()  # None: there is no more of this one
    return results


def _leave(pgconn: PGconn) -> None:
    if pgconn.status == ConnStatus.BAD:
        return
    try:
        pgconn.exit_pipeline_mode()
    except OperationalError:
        pgconn.finish()  # answers are left that nobody has read


def _rows(adapts: Transformer, result: PGresult) -> Rows:
    """The rows of an answer, as dicts."""
    count = result.ntuples
    if not count or result.status != _ROWS:
        return []
    adapts.set_pgresult(result)
    encoding = adapts.encoding
    names = [(result.fname(place) or b"").decode(encoding) for place in range(result.nfields)]
    return adapts.load_rows(0, count, lambda values: dict(zip(names, values, strict=True)))
