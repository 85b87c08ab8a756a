"""Looking a memreg over: settings, database, isolation, schemas, model, inbox, workers, questions; each with what to
do.

Every look is by itself, so that what does not work does not hide the rest; nothing is changed, but for the embedded
Postgres, which is started and migrated as by every command.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memreg.core.clock import Clock, utc_now
from memreg.core.database import Database
from memreg.core.embedded import default_home
from memreg.core.errors import DatabaseError, ExtractorUnavailable, MemregError, SettingsInvalid
from memreg.core.settings import Settings
from memreg.core.steps import Steps
from memreg.operations.audit.health import audit_checks, audit_facts
from memreg.operations.check import Check, Health, counted
from memreg.operations.inbox import lease_of
from memreg.operations.isolation import isolation_checks, read_isolation
from memreg.operations.key_precision import read_precision
from memreg.operations.monitor.checks import monitor_checks
from memreg.operations.monitor.figures import monitor
from memreg.operations.server import Server, look_at, server_checks
from memreg.operations.state import State, read_state
from memreg.operations.store import EVERY
from memreg.operations.surroundings import read_surroundings, surroundings_checks
from memreg.operations.upkeep import read_upkeep, upkeep_checks
from memreg.operations.usage import Prices
from memreg.operations.verdicts import verdicts
from memreg.operations.views import View, commands_for, read_views
from memreg.registry import versions
from memreg.registry.models import SchemaVersion, Status
from memreg.registry.records import VersionRecord


def examine(
    settings: Settings,
    *,
    tenant: str | None = None,
    schema: str | None = None,
    ask: bool = False,
    clock: Clock = utc_now,
) -> Iterator[Check]:
    """Everything that a doctor looks at, one line after the other, for a tenant and schema or (None) for every one.

    `ask`: send the model one tiny request, which may cost something. Raises nothing for what is not well.
    """
    yield _settings(tenant, schema)
    found: list[SchemaVersion] = []
    yield from _database(settings, tenant, schema, found, clock)
    yield extractor_check(settings, found)
    if ask:
        yield asked(settings)


def _settings(tenant: str | None, schema: str | None) -> Check:
    what = "every tenant" if tenant is None else f"tenant {tenant}"
    of = "every schema" if schema is None else f"schema {schema}"
    return Check("settings", "ok", f"they can be read; looking at {of} of {what}")


def _database(
    settings: Settings, tenant: str | None, schema: str | None, found: list[SchemaVersion], clock: Clock
) -> Iterator[Check]:
    """What the server and the tables tell; the schema versions in use are added to `found`."""
    embedded = settings.database_url is None
    try:
        if settings.database_url is not None:
            checks = list(server_checks(_look(settings, settings.database_url), embedded=False))
            yield from checks
            if any(check.health == "fail" for check in checks):
                return  # of tables that are not there, or not ours, there is nothing to read
        with Database.connect(settings) as database:
            if embedded:
                yield from server_checks(_look(settings, database.conninfo), embedded=True)
            folder = (settings.home or default_home()) if embedded else None
            yield from isolation_checks(database.run_admin(read_isolation))
            yield from surroundings_checks(read_surroundings(database, folder, clock))
            yield from _tables(database, tenant, schema, found, clock)
    except DatabaseError as error:
        yield Check("database", "fail", _sentence(error))
    except SettingsInvalid as error:
        yield Check("settings", "fail", _sentence(error))


def _look(settings: Settings, dsn: str) -> Server:
    return look_at(dsn, connect_timeout=settings.connect_timeout)


def _tables(
    database: Database, tenant: str | None, schema: str | None, found: list[SchemaVersion], clock: Clock
) -> Iterator[Check]:
    records = database.run_admin(lambda: versions.list_versions(schema))
    by_schema: dict[str, list[VersionRecord]] = {}
    for record in records:
        by_schema.setdefault(record.version.name, []).append(record)
    if not by_schema:
        text = "none is registered" if schema is None else f"there is none named {schema}"
        health: Health = "warn" if schema is None else "fail"
        yield Check("schemas", health, text, "memreg schemas lists them; memreg register FILE adds one")
    for name, each in by_schema.items():
        yield schema_check(name, each)
        usable = usable_of(each)
        if usable is not None:
            found.append(usable)

    yield from views_checks(database.run_admin(lambda: read_views(schema if by_schema else None)))

    lease = lease_of(database)

    def plan() -> Steps[State]:
        return read_state(tenant, schema, lease, clock)

    state = database.run_admin(plan)  # the queue, its workers and the backfills are of every tenant
    yield from verdicts(state, database.settings.queue_capacity)
    yield from audit_checks(*database.run_admin(audit_facts), clock())
    yield from upkeep_checks(database.run_admin(read_upkeep), clock())
    told = monitor(database, tenant or EVERY, (schema or EVERY) if by_schema else EVERY, sizes=False, clock=clock)
    yield from monitor_checks(told.classes)
    yield from _keys(database, tenant, found)


def views_checks(views: Sequence[View]) -> Iterator[Check]:
    """Whether the SQL views show the version in force; a line for each schema that has some. Pure."""
    for name in dict.fromkeys(each.schema for each in views):
        behind = [each for each in views if each.schema == name and not each.in_step]
        if behind:
            names = ", ".join(f"{each.place}.{each.name}" for each in behind)
            text = f"{name}: not in step with the version in force: {names}"
            yield Check("views", "warn", text, f"{'; '.join(commands_for(behind))}; or memreg views drop {name}")
        else:
            yield Check("views", "ok", f"{name}: they are in step with the version in force")


def schema_check(name: str, records: list[VersionRecord]) -> Check:
    """How a schema stands: which version is in force, and whether a newer one waits for somebody. Pure."""
    usable = usable_of(records)
    newest = max((record.version for record in records), key=lambda version: version.version)
    head = f"{name}: " + (
        "no version is in force" if usable is None else f"version {usable.version} is {usable.status}"
    )
    match newest.status:
        case Status.PENDING:
            waits = "" if newest is usable else f", {newest.version} is pending"
            only = "; until a person approves it, memories are only created" if newest is usable else ""
            advice = f"memreg annotations {newest}, then memreg approve {newest}"
            return Check("schemas", "warn", f"{head}{waits}{only}", advice)
        case Status.DRAFT:
            return Check("schemas", "warn", f"{head}; {newest.version} has no annotation", f"memreg annotate {name}")
        case Status.APPROVED:
            advice = f"memreg backfill {name} --to {newest.version}"
            return Check("schemas", "warn", f"{head}; {newest.version} is approved and waits for its backfill", advice)
        case Status.REJECTED if usable is None:
            advice = f"correct its file and register it, or memreg annotate {name}"
            return Check("schemas", "warn", f"{head}; {newest.version} was rejected", advice)
        case _:
            return Check("schemas", "ok", head)


def usable_of(records: list[VersionRecord]) -> SchemaVersion | None:
    """The version that ingest uses: the active one, else the newest pending one. Pure."""
    found = [record.version for record in records if record.version.status in (Status.ACTIVE, Status.PENDING)]
    return max(found, key=lambda each: (each.status is Status.ACTIVE, each.version), default=None)


def _keys(database: Database, tenant: str | None, found: list[SchemaVersion]) -> Iterator[Check]:
    """Keys that contradict too often, in the versions in force."""
    keys, warned = 0, False
    for version in found:
        name, number = version.name, version.version

        def plan(name: str = name, number: int = number) -> Steps[tuple[int, list[str]]]:
            precisions = yield from read_precision(name, number, tenant)
            return len(precisions), [each.warning for each in precisions if each.warning is not None]

        count, warnings = database.run_admin(plan) if tenant is None else database.run(tenant, plan)
        keys += count
        for warning in warnings:
            warned = True
            text, _, advice = warning.rstrip(".").partition("; ")
            yield Check("keys", "warn", text, advice)
    if not warned:
        yield Check("keys", "ok", f"{counted(keys, 'identity key')}, none contradicts too often")


def extractor_check(settings: Settings, found: list[SchemaVersion]) -> Check:
    """What turns messages into proposals, as it is configured; nothing is asked. `found`: the versions in force."""
    if settings.llm_configured:
        from memreg.annotator.wire import OPENAI, Endpoint, require_extra

        try:
            require_extra()
            endpoint = Endpoint.of(settings)
        except ExtractorUnavailable as error:
            return Check("extractor", "fail", str(error.facts["reason"]))
        key = "with a key" if settings.llm_api_key else "without a key"
        text = f"the model {endpoint.model} at {endpoint.where}, {key}"
        if not settings.llm_api_key and endpoint.base_url.rstrip("/") == OPENAI:
            return Check("extractor", "fail", text, "set MEMREG_LLM_API_KEY")
        return Check("extractor", "ok", text)
    if settings.llm_base_url:
        return Check("extractor", "fail", "MEMREG_LLM_BASE_URL is set, but no model", "set MEMREG_LLM_MODEL")
    without = [version.name for version in found if not any(spec.patterns for spec in version.spec.classes)]
    if without:
        text = f"no model is configured, and {', '.join(without)} declares no patterns: of messages nothing is kept"
        advice = "set MEMREG_LLM_BASE_URL or MEMREG_LLM_API_KEY, or declare patterns, unless you ingest proposals"
        return Check("extractor", "warn", text, advice)
    return Check("extractor", "ok", "the patterns of the schemas; no model is configured")


def asked(settings: Settings) -> Check:
    """One tiny real request to the model, and what came back and cost."""
    from pydantic import create_model

    from memreg.annotator.client import OpenAIClient
    from memreg.annotator.failure import ModelFailed
    from memreg.annotator.wire import Ask, Endpoint

    shape = create_model("Answer", words=(list[str], ...))
    question = Ask(shape, "Answer with the list of words ['ok'].", "Are you there?")
    try:
        endpoint = Endpoint.of(settings)
        with OpenAIClient(endpoint) as client:
            reply = client.ask(question)
    except ModelFailed as failure:
        return Check("model", "fail", failure.reason.rstrip("."))
    except MemregError as error:
        return Check("model", "fail", str(error.facts.get("reason", error)).rstrip("."))
    tokens = "which it did not count"
    if reply.tokens_in is not None or reply.tokens_out is not None:
        tokens = f"{reply.tokens_in or 0:,} tokens in and {reply.tokens_out or 0:,} out"
    cost = Prices.of(settings).cost(reply.tokens_in or 0, reply.tokens_out or 0)
    money = "" if cost is None else f", for {cost:.6f}"
    took = "" if reply.latency_ms is None else f" in {reply.latency_ms:,.0f} ms"
    return Check("model", "ok", f"{reply.model or endpoint.model} answered{took}, {tokens}{money}")


def _sentence(error: MemregError) -> str:
    return str(error).rstrip(".")
