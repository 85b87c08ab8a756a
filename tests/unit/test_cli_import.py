"""`memreg import` as it is called: what goes to which stream, the exit status, and what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from memreg.cli.main import memreg
from memreg.registry.exchange.json_schema_out import json_schema
from memreg.registry.parse import parse_schema


def run(*arguments: str) -> Result:
    return CliRunner().invoke(memreg, ["import", *arguments])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "My Shop.sql"
    path.write_text(
        "CREATE TABLE `item` (\n `id` int AUTO_INCREMENT PRIMARY KEY,\n `sku` varchar(20) UNIQUE\n) ENGINE=InnoDB;"
    )
    return path


def test_the_schema_goes_to_stdout_and_the_notes_to_stderr(shop: Path) -> None:
    done = run(str(shop))
    assert done.exit_code == 0, done.output
    spec = parse_schema(done.stdout, "stdout")
    assert spec.name == "my_shop"
    assert spec.by_name["item"].declared is not None
    assert [line.removeprefix(str(shop)).split(" ")[0] for line in done.stderr.splitlines()[:2]] == [":2:2:", ":4:3:"]
    assert done.stderr.splitlines()[-1] == "Read as mysql: 1 class; 2 things not as it was."


def test_it_is_written_where_it_is_told_to(shop: Path, tmp_path: Path) -> None:
    done = run(str(shop), "-o", str(tmp_path / "out.yaml"), "--name", "goods")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Next: memreg register" in done.stderr
    assert parse_schema((tmp_path / "out.yaml").read_bytes(), "out").name == "goods"
    done = run(str(shop), "-o", str(tmp_path / "nowhere" / "out.yaml"))
    assert done.exit_code == 1
    assert "it cannot be written (No such file or directory)" in done.stderr


def test_an_annotation_that_was_written_down_stays_as_it_is(tmp_path: Path) -> None:
    spec = parse_schema(
        "schema: shop\nclasses:\n  Item:\n    columns: {name: {dtype: string}, code: {dtype: string}}\n"
        "    annotation: {identity: [{columns: [code], strength: strong}]}\n",
        "shop.yaml",
    )
    path = tmp_path / "shop.json"
    path.write_text(json_schema(spec))
    assert parse_schema(run(str(path)).stdout, "stdout").by_name["Item"].declared == spec.by_name["Item"].declared


def test_json_is_one_document(shop: Path) -> None:
    done = run(str(shop), "--json")
    data = json.loads(done.stdout)
    assert (data["dialect"], data["written"], done.stderr) == ("mysql", None, "")
    assert parse_schema(data["yaml"], "yaml") == parse_schema(json.dumps(data["schema"]), "schema")
    assert data["notes"][0] == {
        "text": "item.id is a surrogate key (identity): left out, as memories have ids of their own; what refers to it "
        "refers to the class",
        "line": 2,
        "column": 2,
        "kind": "changed",
    }


def test_what_is_not_understood_ends_with_1_and_the_rest_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text("CREATE TABLE a (x text);\nCREATE TABEL b (x text);")
    done = run(str(path))
    assert done.exit_code == 1
    assert list(parse_schema(done.stdout, "stdout").by_name) == ["a"]
    assert f"{path}:2:1: " in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.sql", "SELECT 1", "no class is defined in it"),
        ("a.json", "{", "broken"),
        ("a.json", "[]", "a JSON Schema is an object"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    done = run(str(tmp_path / name))
    assert (done.exit_code, done.stdout) == (1, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = run(str(tmp_path / "no.sql"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "it cannot be read: No such file or directory" in done.stderr


def test_a_json_schema_and_pydantic_classes_are_known_by_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "person.json").write_text('{"title": "Person", "properties": {"name": {"type": "string"}}}')
    assert list(parse_schema(run(str(tmp_path / "person.json")).stdout, "json").by_name) == ["Person"]
    (tmp_path / "imported_people.py").write_text(
        "from pydantic import BaseModel\n\n\nclass Firm(BaseModel):\n    name: str\n\n\n"
        "class Worker(BaseModel):\n    name: str\n    firm: Firm\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = parse_schema(run("imported_people:Worker", "--name", "work").stdout, "python")
    assert (spec.name, list(spec.by_name)) == ("work", ["Worker", "Firm"])
