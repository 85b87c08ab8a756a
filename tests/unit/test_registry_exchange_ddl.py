"""DDL as vendors write it: the files under fixtures/ddl as written down beside them, and what each piece comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from memreg.annotator.imported import with_searched
from memreg.core.errors import ImportInvalid
from memreg.registry.dump import dump_schema
from memreg.registry.exchange.ddl import DIALECTS, read_ddl
from memreg.registry.exchange.dialect import guess_dialect
from memreg.registry.exchange.draft import Imported
from memreg.registry.models import Column, Kind, OnDelete
from memreg.registry.parse import parse_schema

FILES = sorted((Path(__file__).resolve().parents[2] / "fixtures" / "ddl").glob("*.sql"))


def read(text: str, dialect: str = "postgres") -> Imported:
    return read_ddl(text, "shop.sql", dialect)


def column_of(definition: str, dialect: str = "postgres") -> Column | None:
    """The column that a definition comes to, beside another one."""
    imported = read(f"CREATE TABLE t (other int,\n{definition}\n);", dialect)
    assert imported.not_understood == ()
    columns = imported.spec.classes[0].columns
    return columns[1] if len(columns) > 1 else None


def told(imported: Imported) -> list[str]:
    return [note.text for note in imported.notes]


def test_there_are_files_of_every_dialect() -> None:
    assert {path.stem.partition("_")[0] for path in FILES} == set(DIALECTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_imported_as_written_down(path: Path) -> None:
    dialect, _, domain = path.stem.partition("_")
    content = path.read_bytes()
    assert guess_dialect(content) == dialect
    imported = read_ddl(content, str(path), dialect, domain)
    assert dump_schema(with_searched(imported.spec)) == path.with_suffix(".yaml").read_text("utf-8")
    notes = [f"{note.line}:{note.column} {note.kind}: {note.text}" for note in imported.notes]
    assert notes == path.with_suffix(".notes").read_text("utf-8").splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_note_is_on_a_line_that_speaks_of_it(path: Path) -> None:
    """What a note names first, a table or what kind of thing it is, stands near its line."""
    lines = path.read_text("utf-8").splitlines()
    for note in path.with_suffix(".notes").read_text("utf-8").splitlines():
        place, _, rest = note.partition(" ")
        number = int(place.partition(":")[0])
        text = rest.partition(": ")[2]
        assert 1 <= number <= len(lines), note
        first = text.split()[0].rstrip(":").split(".")[-1]
        if "." in text.split()[0] and not text.startswith("rating"):
            assert first.casefold() in " ".join(lines[number - 1 : number + 1]).casefold(), note


@pytest.mark.parametrize(
    ("definition", "dialect", "dtype"),
    [
        ("c numeric(10,0)", "postgres", "integer"),
        ("c numeric", "postgres", "number"),
        ("c double precision", "postgres", "number"),
        ("c text", "postgres", "string"),
        ("notes text", "postgres", "text"),
        ("c varchar(4000)", "postgres", "text"),
        ("c timestamp without time zone", "postgres", "datetime"),
        ("c text[]", "postgres", "list[string]"),
        ("c integer[3]", "postgres", "list[integer]"),
        ("c uuid", "postgres", "string"),
        ("c jsonb", "postgres", "text"),
        ("c public.citext", "postgres", "string"),
        ("`c` tinyint(1)", "mysql", "boolean"),
        ("`c` tinyint", "mysql", "integer"),
        ("`c` bit(1) default b'1'", "mysql", "boolean"),
        ("`c` longtext", "mysql", "text"),
        ("`c` decimal(10,2) unsigned", "mysql", "number"),
        ("`key` varchar(10)", "mysql", "string"),
        ("[c] nvarchar(max)", "tsql", "text"),
        ("[c] bit", "tsql", "boolean"),
        ("[c] smallmoney", "tsql", "number"),
        ("[c] datetimeoffset(3)", "tsql", "datetime"),
        ("C NUMBER", "oracle", "number"),
        ("C NUMBER(5)", "oracle", "integer"),
        ("C NUMBER(1) CHECK (C IN (0, 1))", "oracle", "boolean"),
        ("C NVARCHAR2(30)", "oracle", "string"),
        ("C INTERVAL YEAR (2) TO MONTH", "oracle", "string"),
        ("C LONG", "oracle", "text"),
        ("C BINARY_DOUBLE", "oracle", "number"),
        ("C NUMBER", "snowflake", "integer"),
        ("C NUMBER(10,2)", "snowflake", "number"),
        ("C OBJECT", "snowflake", "text"),
        ("c INT64", "bigquery", "integer"),
        ("c BIGNUMERIC", "bigquery", "number"),
        ("c ARRAY<FLOAT64>", "bigquery", "list[number]"),
        ("c STRING(10)", "bigquery", "string"),
        ("c HUGEINT", "duckdb", "integer"),
        ("c VARCHAR[]", "duckdb", "list[string]"),
        ("c UNSIGNED BIG INT", "sqlite", "integer"),
        ("c NATIVE CHARACTER(70)", "sqlite", "string"),
        ("c", "sqlite", "string"),
    ],
)
def test_types(definition: str, dialect: str, dtype: str) -> None:
    column = column_of(definition, dialect)
    assert column is not None
    assert str(column.dtype) == dtype


@pytest.mark.parametrize(
    ("definition", "dialect"),
    [
        ("c bytea", "postgres"),
        ("c point", "postgres"),
        ("c text GENERATED ALWAYS AS (lower('a')) STORED", "postgres"),
        ("`c` geometry NOT NULL SRID 4326", "mysql"),
        ("[c] AS ([other] + 1) PERSISTED", "tsql"),
        ("[c] rowversion", "tsql"),
        ("C BFILE", "oracle"),
        ("C LONG RAW", "oracle"),
        ("c VECTOR(FLOAT, 3)", "snowflake"),
        ("c GEOGRAPHY", "bigquery"),
        ("c INTEGER AS (other + 1)", "duckdb"),
        ("c BLOB", "sqlite"),
    ],
)
def test_what_no_memory_holds_is_left_out(definition: str, dialect: str) -> None:
    assert column_of(definition, dialect) is None


@pytest.mark.parametrize(
    "check",
    [
        "c text CHECK (c IN ('a', 'b'))",
        "c text, CHECK (c = 'a' OR c = 'b')",
        "c text, CONSTRAINT k CHECK (((c)::text = ANY ((ARRAY['a'::character varying, 'b'::text])::text[])))",
        "c text CHECK (c IS NULL OR c IN ('a', 'b'))",
        "c text, CHECK (c IN ('a', 'b') AND c IS NOT DISTINCT FROM c)",
    ],
)
def test_lists_of_values_are_enums(check: str) -> None:
    column = column_of(check)
    assert column is not None
    assert (column.dtype.kind, column.values) == (Kind.ENUM, ("a", "b"))


@pytest.mark.parametrize(
    ("definition", "dialect", "default"),
    [
        ("c text DEFAULT 'it''s'", "postgres", "it's"),
        ("c text DEFAULT E'it\\'s'", "postgres", "it's"),
        ("c text DEFAULT E'C:\\\\x'", "postgres", None),
        ("c integer DEFAULT -3", "postgres", -3),
        ("c boolean DEFAULT 't'", "postgres", True),
        ("c date DEFAULT '2026-01-31'::date", "postgres", "2026-01-31"),
        ("c text[] DEFAULT ARRAY['a', 'b']", "postgres", ("a", "b")),
        ("[c] bit DEFAULT ((1))", "tsql", True),
        ("`c` decimal(5,2) DEFAULT '1.50'", "mysql", 1.5),
        ("c text DEFAULT now()", "postgres", None),
        ("c text DEFAULT ''", "postgres", None),
        ("c text DEFAULT NULL", "postgres", None),
        ("c date DEFAULT 'someday'", "postgres", None),
    ],
)
def test_defaults(definition: str, dialect: str, default: object) -> None:
    column = column_of(definition, dialect)
    assert column is not None
    assert column.default == default


@pytest.mark.parametrize("default", ["now()", "''", "'{}'", "'someday'"])
def test_what_the_database_fills_in_is_not_required(default: str) -> None:
    column = column_of(f"c date[] NOT NULL DEFAULT {default}")
    assert column is not None
    assert not column.required


@pytest.mark.parametrize(
    ("key", "dialect"),
    [
        ("id serial PRIMARY KEY", "postgres"),
        ("id bigint GENERATED BY DEFAULT AS IDENTITY (START WITH 5) PRIMARY KEY", "postgres"),
        ("id uuid DEFAULT gen_random_uuid() PRIMARY KEY", "postgres"),
        ("id uuid PRIMARY KEY", "postgres"),
        ("thing_id integer PRIMARY KEY", "postgres"),
        ("`id` char(36) NOT NULL, PRIMARY KEY (`id`)", "mysql"),
        ("[Id] INT IDENTITY(1,1) PRIMARY KEY CLUSTERED", "tsql"),
        ("ID NUMBER GENERATED ALWAYS AS IDENTITY START WITH 1 CACHE 20 PRIMARY KEY", "oracle"),
        ("ID NUMBER(10,0) NOT NULL ENABLE, CONSTRAINT P PRIMARY KEY (ID) ENABLE", "oracle"),
        ("id RAW(16) DEFAULT SYS_GUID() PRIMARY KEY", "oracle"),
        ("id INTEGER PRIMARY KEY", "sqlite"),
    ],
)
def test_surrogate_keys_are_left_out_and_told(key: str, dialect: str) -> None:
    imported = read(f"CREATE TABLE thing (name varchar(10), {key});", dialect)
    (thing,) = imported.spec.classes
    assert list(thing.by_name) == ["name"]
    assert thing.declared is None
    (text,) = told(imported)
    assert "is a surrogate key" in text


@pytest.mark.parametrize("key", ["isbn varchar(13)", "country_code char(2)", "sku text", "order_no integer"])
def test_natural_keys_identify(key: str) -> None:
    imported = read(f"CREATE TABLE thing (other text, {key} PRIMARY KEY);")
    (thing,) = imported.spec.classes
    assert thing.declared is not None
    (found,) = thing.declared.identity
    assert found.columns == (key.split()[0],)
    assert thing.by_name[key.split()[0]].required


def test_references_follow_what_they_name() -> None:
    imported = read(
        """
        CREATE TABLE a.person (id int PRIMARY KEY, name text, boss_id int REFERENCES a.person (id) ON DELETE SET NULL);
        CREATE TABLE b.person (id int PRIMARY KEY, code text);
        CREATE TABLE b.pet (name text, owner int NOT NULL REFERENCES b.person ON DELETE CASCADE, vet int,
                            x int, y int, FOREIGN KEY (x, y) REFERENCES a.spot (x, y),
                            FOREIGN KEY (vet) REFERENCES nowhere (id));
        """
    )
    assert list(imported.spec.by_name) == ["a_person", "b_person", "pet"]
    boss = imported.spec.by_name["a_person"].by_name["boss_id"]
    assert (str(boss.dtype), boss.on_delete) == ("ref[a_person]", OnDelete.CLEAR)
    owner = imported.spec.by_name["pet"].by_name["owner"]
    assert (str(owner.dtype), owner.on_delete, owner.required) == ("ref[b_person]", OnDelete.CASCADE, True)
    assert str(imported.spec.by_name["pet"].by_name["vet"].dtype) == "integer"
    texts = " ".join(told(imported))
    assert "the composite foreign key (x, y) to spot is left out" in texts
    assert "the reference to nowhere is left out" in texts


@pytest.mark.parametrize(
    ("change", "dialect", "columns"),
    [
        ("ALTER TABLE t ADD b text, ADD COLUMN IF NOT EXISTS c int", "postgres", "a b c"),
        ("ALTER TABLE ONLY t ADD CONSTRAINT u UNIQUE (a)", "postgres", "a"),
        ("ALTER TABLE t ADD b int NULL, c nvarchar(5), CONSTRAINT u UNIQUE (a)", "tsql", "a b c"),
        ("ALTER TABLE t ADD (b NUMBER(3), c CLOB)", "oracle", "a b c"),
        ("ALTER TABLE t MODIFY a VARCHAR(9) NOT NULL, ADD b INT FIRST", "mysql", "a b"),
        ("ALTER TABLE nowhere ADD b int", "postgres", "a"),
    ],
)
def test_columns_that_are_added_later(change: str, dialect: str, columns: str) -> None:
    imported = read(f"CREATE TABLE t (a varchar(5));\n{change};", dialect)
    assert imported.not_understood == ()
    (spec,) = imported.spec.classes
    assert list(spec.by_name) == columns.split()
    assert (spec.declared is not None) is ("UNIQUE" in change)


def test_required_references_in_a_circle_are_loosened() -> None:
    imported = read(
        """
        CREATE TABLE team (name text UNIQUE, lead text NOT NULL);
        CREATE TABLE person (name text UNIQUE, team text NOT NULL REFERENCES team (name));
        ALTER TABLE team ADD FOREIGN KEY (lead) REFERENCES person (name);
        """
    )
    required = [
        imported.spec.by_name["team"].by_name["lead"].required,
        imported.spec.by_name["person"].by_name["team"].required,
    ]
    assert sorted(required) == [False, True]
    assert any("would go in a circle" in text for text in told(imported))


@pytest.mark.parametrize(
    ("name", "dialect", "allowed"),
    [
        ('"order"', "postgres", "order_record"),
        ('"Größe (cm)"', "postgres", "Grosse_cm"),
        ('"2nd"', "postgres", "Class_2nd"),
        ("[User]", "tsql", "UserRecord"),
        ("`my table`", "mysql", "my_table"),
        ("`proj-1.data.events`", "bigquery", "events"),
    ],
)
def test_names_that_are_not_allowed_are_changed_and_told(name: str, dialect: str, allowed: str) -> None:
    imported = read(f"CREATE TABLE {name} (x varchar(5));", dialect)
    assert list(imported.spec.by_name) == [allowed]
    assert (allowed == "events") is (told(imported) == [])


def test_comments_beside_and_above_are_descriptions() -> None:
    imported = read(
        """
-- Not this one

-- A thing,
-- as it is kept
CREATE TABLE thing (  -- of all sorts
    -- ======
    a text,  -- beside a
    -- above b
    b text,
    /* above c */
    c text, d text, -- beside d
    -- old text,
    e text
);
"""
    )
    (thing,) = imported.spec.classes
    assert thing.description == "A thing, as it is kept"
    described = {column.name: column.desc for column in thing.columns}
    assert described == {"a": "beside a", "b": "above b", "c": "above c", "d": "beside d", "e": ""}


# Bad input


def test_what_does_not_parse_is_told_with_its_place_and_the_rest_is_there() -> None:
    imported = read(
        "CREATE TABLE a (x text);\n\n  CREAT TABLE b (x text);\nCREATE TABLE c (x text, y oops oops oops,\n z int);\n"
        "CREATE TABLE d (x text, y int;\nCREATE TABLE e (x text);\n"
    )
    assert list(imported.spec.by_name) == ["a", "c", "e"]
    assert list(imported.spec.by_name["c"].by_name) == ["x", "z"]
    places = [(note.line, note.column) for note in imported.not_understood]
    assert places == [(3, 3), (4, 25), (6, 16)]
    for note in imported.not_understood:
        assert "\n" not in note.text
        assert len(note.text) < 250


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("CREATE TABLE a (x text DEFAULT 'never closed);\n", (1, 32)),
        ('CREATE TABLE "a (x text);', (1, 14)),
    ],
)
def test_what_is_never_closed_is_told_where_it_begins(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(ImportInvalid) as caught:
        read(text)
    assert (caught.value.mistakes[0].line, caught.value.mistakes[0].column) == place
    assert "never closed" in caught.value.mistakes[0].text


def test_a_comment_without_an_end_does_not_take_the_rest_with_it() -> None:
    imported = read("/* never closed\nCREATE TABLE a (x text);")
    assert list(imported.spec.by_name) == ["a"]
    assert [(note.line, note.column) for note in imported.not_understood] == [(1, 1)]


@pytest.mark.parametrize("text", ["", "-- nothing", "SELECT 1;", "DROP TABLE x;", "CREATE VIEW v AS SELECT 1;"])
def test_a_file_without_tables_is_refused(text: str) -> None:
    with pytest.raises(ImportInvalid, match="no class is defined in it"):
        read(text)


def test_a_file_that_is_no_text_or_too_long_is_refused() -> None:
    with pytest.raises(ImportInvalid, match="not UTF-8 here"):
        read_ddl(b"CREATE TABLE a (x text);\n\xff\xfa", "shop.sql", "postgres")
    with pytest.raises(ImportInvalid, match="more than the 1,000,000"):
        read_ddl(b" " * 1_000_001, "shop.sql", "postgres")


def test_what_sql_server_saves_as_utf_16_is_read() -> None:
    imported = read_ddl("CREATE TABLE [Øl] ([Navn] nvarchar(20))\r\nGO\r\n".encode("utf-16"), "shop.sql", "tsql")
    assert list(imported.spec.by_name) == ["Ol"]


def test_a_vendors_words_do_not_hide_what_stands_behind_them() -> None:
    imported = read("CREATE TABLE t (a nvarchar(9) SPARSE NOT NULL, b int COLUMN_SET FOR ALL_SPARSE_COLUMNS)", "tsql")
    assert imported.spec.classes[0].by_name["a"].required
    assert any("SPARSE is left out" in text for text in told(imported))


def test_columns_are_found_behind_what_snowflake_writes_before_them() -> None:
    imported = read("create or replace TRANSIENT TABLE EVENTS cluster by LINEAR(ID, TS)(\n\tN VARCHAR\n);", "snowflake")
    assert [column.name for column in imported.spec.classes[0].columns] == ["N"]
    assert told(imported) == ["EVENTS: CLUSTER BY is left out: how rows are kept is the database's own"]


def test_a_table_without_columns_is_told_so() -> None:
    imported = read("CREATE TABLE a whatever (b int);\nCREATE TABLE c (d int);")
    assert told(imported) == ["CREATE TABLE a: no columns follow its name; the table is left out"]


def test_why_a_default_is_left_out_is_one_clause() -> None:
    imported = read("CREATE TABLE t (a date DEFAULT 'now', b bigint DEFAULT 99999999999999999999);")
    date, number = told(imported)
    assert date.endswith("is left out: 'now' is not a date: write YYYY-MM-DD")
    assert number.endswith("is left out: it is a whole number beyond 64 bits: use dtype string for long codes")


def test_a_class_has_every_key_once_and_the_primary_one_first() -> None:
    imported = read(
        "CREATE TABLE t (a text UNIQUE, b text, c bool UNIQUE, d date UNIQUE, PRIMARY KEY (b, a), UNIQUE (a, b));"
        "CREATE UNIQUE INDEX i ON t (a);"
    )
    declared = imported.spec.classes[0].declared
    assert declared is not None
    assert [key.columns for key in declared.identity] == [("b", "a"), ("a",)]
    texts = " ".join(told(imported))
    assert "the key (c) is left out: a boolean alone identifies nothing" in texts or "the key (c) is left out" in texts
    assert "the key (d) is left out: date alone is shared by many objects" in texts


def test_what_is_printed_is_what_registers() -> None:
    imported = read("CREATE TABLE t (a text DEFAULT 'no', \"b c\" text CHECK (\"b c\" IN ('yes', 'no', '1')));")
    assert parse_schema(dump_schema(imported.spec), "again") == imported.spec
