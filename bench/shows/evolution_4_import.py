"""DDL of eight dialects, as real schemas have it, is imported: what came of it and what did not is as written down
beside each file, and each registers on a real Postgres and comes back from it as YAML, JSON Schema, Python and DDL."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.stage import ROOT, Show, database, folder, memreg, own_environment, perform, server_version
from memreg import Engine
from memreg.registry.exchange.ddl import DIALECTS, read_ddl
from memreg.registry.exchange.sql_losses import carried_by_sql
from memreg.registry.exchange.sql_out import sql_ddl
from memreg.registry.models import SchemaSpec
from memreg.registry.parse import parse_schema

FILES = ROOT / "fixtures" / "ddl"


def run(place: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The installed command, in a folder."""
    environment = own_environment(COLUMNS="200", **settings)
    return subprocess.run(
        [memreg(), *arguments], env=environment, cwd=place, capture_output=True, text=True, check=False, timeout=300
    )


def told(notes: list[dict[str, Any]]) -> str:
    """Notes as they are written down beside a file."""
    return "".join(f"{note['line']}:{note['column']} {note['kind']}: {note['text']}\n" for note in notes)


def imports(show: Show, place: Path, path: Path) -> SchemaSpec | None:
    """One file through `memreg import`, against what is written down beside it."""
    dialect, _, domain = path.stem.partition("_")
    target = place / f"{path.stem}.yaml"
    done = run(place, "import", str(path), "--dialect", dialect, "--name", domain, "-o", str(target), "--json")
    if done.returncode != 0:
        show.claim(f"{path.name} is imported", False, done.stderr or done.stdout[-500:])
        return None
    found = json.loads(done.stdout)
    written = target.read_text("utf-8")
    expected, expected_notes = (
        path.with_suffix(".yaml").read_text("utf-8"),
        path.with_suffix(".notes").read_text("utf-8"),
    )
    show.claim(f"{path.name}: the schema is as written down", written == expected)
    notes = told(found["notes"])
    missing = sorted(set(expected_notes.splitlines()) ^ set(notes.splitlines()))
    show.claim(f"{path.name}: what is not carried over is as written down", notes == expected_notes, missing)
    spec = parse_schema(written, path.name)
    kinds = Counter(note["kind"] for note in found["notes"])
    show.claim(f"{path.name}: all of it is understood", kinds["not understood"] == 0, kinds)
    show.figures.setdefault("files", {})[path.stem] = {
        "lines": len(path.read_text("utf-8").splitlines()),
        "classes": len(spec.classes),
        "columns": sum(len(each.columns) for each in spec.classes),
        "references": sum(1 for each in spec.classes for column in each.columns if column.dtype.target),
        "keys": sum(len(each.declared.identity) for each in spec.classes if each.declared),
        "left_out": kinds["left out"],
        "changed": kinds["changed"],
    }
    return spec


def round_trip(show: Show, spec: SchemaSpec, stem: str) -> None:
    """The DDL of a schema in every dialect reads as the schema, but for what it said is lost."""
    wrong = []
    for dialect in DIALECTS:
        exported = sql_ddl(spec, dialect)
        again = read_ddl(exported.text, f"{stem}.sql", dialect)
        if again.spec != carried_by_sql(spec, dialect) or again.not_understood:
            wrong.append(dialect)
    show.claim(f"{stem}: its DDL in {len(DIALECTS)} dialects reads as what it said it carries", not wrong, wrong)


def registered(show: Show, dsn: str, place: Path, specs: dict[str, SchemaSpec]) -> None:
    """Each schema on a real Postgres, and back from it."""
    sources = []
    for stem, spec in specs.items():
        with Engine.connect(dsn) as engine:
            version = engine.registry.register(place / f"{stem}.yaml", annotate="heuristic").version
        kept = version.spec == spec and all(version.annotations[each.name] for each in spec.classes)
        show.claim(f"{stem}: is registered as {version}, {version.status}", kept and str(version.status) == "pending")
        shown = {}
        for form in ("tree", "yaml", "json-schema", "python", "sql"):
            done = run(place, "show", str(version), "--format", form, MEMREG_DATABASE_URL=dsn)
            shown[form] = done.stdout if done.returncode == 0 else ""
        (place / f"{stem}_back.yaml").write_text(shown["yaml"], "utf-8")
        (place / f"{stem}_back.json").write_text(shown["json-schema"], "utf-8")
        (place / f"{stem}_back.py").write_text(shown["python"], "utf-8")
        sources.append(f"{stem}_back.py")
        for given in (f"{stem}_back.yaml", f"{stem}_back:CLASSES"):
            again = run(place, "register", given, "--json", MEMREG_DATABASE_URL=dsn)
            data = json.loads(again.stdout) if again.returncode == 0 else {}
            same = data.get("created") is False and data.get("fingerprint") == version.fingerprint
            show.claim(f"{stem}: {given} is the same version", same, again.stderr[-500:] or data.get("version"))
        back = run(place, "import", f"{stem}_back.json", "--json")
        yaml = json.loads(back.stdout)["yaml"] if back.returncode == 0 else back.stderr
        show.claim(f"{stem}: the JSON Schema of it imports to the same", yaml == shown["yaml"], yaml[-300:])
        tables = executed(dsn, shown["sql"])
        show.claim(f"{stem}: its DDL makes {len(spec.classes)} tables in Postgres", tables == len(spec.classes), tables)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(place / "cache"), *sources],
        cwd=place, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    show.claim(f"the Python of {len(sources)} schemas passes mypy --strict", checked.returncode == 0, checked.stdout)


def executed(dsn: str, ddl: str) -> int | str:
    """How many tables DDL makes in a Postgres schema of its own; it is undone."""
    import psycopg

    with psycopg.connect(dsn) as conn:
        conn.execute("create schema exported")
        conn.execute("set local search_path = exported")
        try:
            conn.execute(ddl.encode())
        except psycopg.Error as error:
            return str(error)
        row = conn.execute("select count(*) from pg_catalog.pg_tables where schemaname = 'exported'").fetchone()
        conn.rollback()
    return int(row[0]) if row else 0


def main(show: Show) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="files of DDL (default: all under fixtures/ddl)")
    paths: list[Path] = parser.parse_args().files or sorted(FILES.glob("*.sql"))
    by_dialect = Counter(path.stem.partition("_")[0] for path in paths)
    show.claim(f"there are files of {len(DIALECTS)} dialects", set(by_dialect) == set(DIALECTS), by_dialect)
    specs: dict[str, SchemaSpec] = {}
    with folder() as place:
        show.say("DDL as real schemas have it")
        for path in paths:
            spec = imports(show, place, path)
            if spec is not None:
                specs[path.stem] = spec
                round_trip(show, spec, path.stem)
        show.say("On a real Postgres")
        with database() as dsn:
            show.figures["postgres"] = server_version(dsn)
            registered(show, dsn, place, specs)
    files = show.figures.get("files", {}).values()
    show.figures["total"] = {key: sum(each[key] for each in files) for key in next(iter(files), {})}


if __name__ == "__main__":
    perform("evolution_4_import", main)
