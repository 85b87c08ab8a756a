"""The benchmark's parts that need no database: ratios, targets, forms, profiles, the page and the history."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.speed import history, page, profiling, single, targets, times, world
from bench.speed.forms import Line
from bench.speed.place import _shuffled

MACHINE = {
    "cpu": "A processor", "cores": 2, "memory_gib": 24, "system": "Linux x86_64", "python": "3.11", "psycopg": "3.3",
    "postgres": "18.4", "round_trip_ms": 0.02, "commit": "abc123",
    "settings": {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "128MB"},
}  # fmt: skip


def line(kind: str, size: int, ratio: float, p95: float = 4.0, cpu: float | None = 0.9) -> dict[str, Any]:
    engine = {"p50_ms": 2.0, "p95_ms": p95, "cpu_ms": 1.0, "server_cpu_ms": 1.1, "round_trips": 2.0}
    return {
        "size": size, "kind": kind, "ratio_p50": ratio, "ratio_p95": ratio, "cpu_ratio": cpu, "engine": engine,
        "floor": {"p50_ms": 1.0, "p95_ms": 2.0, "cpu_ms": 0.5, "round_trips": 2, "server_cpu_ms": 0.5},
    }  # fmt: skip


def batch(kind: str, share: float, per_second: dict[str, int]) -> dict[str, Any]:
    rates = {"set-wise": 4, **per_second}
    return {"size": 10_000, "kind": kind, "rows": 9, "share": share, "share_of_copy": None, "per_second": rates}


def met_all() -> dict[str, Any]:
    return {
        "single": [
            line("identity", 0, 1.2),
            line("identity", 10_000, 1.6),
            line("score", 10_000, 2.9, p95=4.0),
            line("score", 1_000_000, 3.0, p95=6.0),
        ],
        "batch": [
            batch("create", 0.01, {"engine": 1, "set-wise": 100, "copy": 100}),
            batch("identity", 0.25, {"engine": 1}),
        ],
        "workers": {
            "lines": [{"load": "one", "how": "engine", "workers": 1, "per_second": 500.0, "times_one_worker": 1.0}],
            "duplicates": 0,
            "raced_people": 60,
        },
        "starting": {
            "lines": [{"what": "import memreg", "ms": 9.0, "ratio": 0.1}],
            "resident_mib": {"import memreg": 10.0, "an engine and 501 decisions": 60.0},
        },
        "space": {
            "memories": 100_000,
            "payload_bytes": 300.0,
            "bytes": 3_600.0,
            "ratio": 12.0,
            "ratio_without_messages": 11.0,
            "relations": {"memories": 900.0, "audit_values_first": 800.0},
        },
        "profile": {"size": 10_000, "of": {"identity": {"ms": 2.0, "shares": {"psycopg": 0.5, "others": 0.5}}}},
    }


def result(sections: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": "2026-11-21T10:00:00+00:00", "machine": MACHINE, "sizes": [0, 10_000], "calls": 200, "sections": sections,
        "seconds": {"loading": 60.0, "single": 60.0},
        "targets": [each.to_json() for each in targets.outcomes(sections)],
    }  # fmt: skip


def test_every_target_is_met_at_its_limit() -> None:
    found = targets.outcomes(met_all())
    assert len(found) == 8
    assert [each.name for each in found if each.is_met is not True] == []


@pytest.mark.parametrize(
    ("number", "spoil"),
    [
        (0, lambda all_: all_["single"].append(line("identity", 5, 1.61))),
        (1, lambda all_: all_["single"].append(line("score", 5, 3.01))),
        (2, lambda all_: all_["single"][3]["engine"].update(p95_ms=6.1)),
        (3, lambda all_: all_["batch"][1].update(share=0.249)),
        (4, lambda all_: all_["single"].append(line("identity", 5, 1.0, cpu=1.01))),
        (5, lambda all_: all_["workers"].update(duplicates=1)),
        (6, lambda all_: all_["starting"]["lines"][0].update(ratio=1.51)),
        (7, lambda all_: all_["space"].update(ratio=12.01)),
    ],
)
def test_the_worst_figure_counts(number: int, spoil: Any) -> None:
    sections = met_all()
    spoil(sections)
    found = targets.outcomes(sections)
    assert [place for place, each in enumerate(found) if not each.is_met] == [number]
    assert found[number].is_met is False


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {each.is_met for each in targets.outcomes({})} == {None}
    sections = met_all()
    del sections["single"][3]
    assert [each.name for each in targets.outcomes(sections) if each.is_met is None] == [
        "scored p95 at 1M memories / at 10k"
    ]


def test_times_are_medians_and_percentiles() -> None:
    taken = times.Times([each / 1000 for each in range(1, 102)], [0.002] * 101)
    assert taken.figures() == {"p50_ms": 51.0, "p95_ms": 96.9, "cpu_ms": 2.0}
    assert times.p95([0.5]) == 0.5
    assert times.ratio(3, 2) == 1.5


def test_whose_turn_is_first_goes_around() -> None:
    said: list[str] = []
    one, other = (times.Times(), lambda: said.append("one")), (times.Times(), lambda: said.append("other"))
    for first in range(2):
        times.in_turns(one, other, first=first)
    assert said == ["one", "other", "other", "one"]
    assert len(one[0].wall) == len(other[0].cpu) == 2


def test_the_page_has_every_table_and_keeps_what_is_around_it() -> None:
    figures = page.figures(result(met_all()))
    assert "A processor, 2 cores, 24 GiB" in figures
    assert figures.count("| met |") == 8
    for title in ("Targets", "Single ingest", "Batches", "Workers at once", "Start-up", "Bytes on disk"):
        assert f"### {title}\n" in figures
    for block in re.findall(r"(?:^\|.*\n?)+", figures, re.MULTILINE):
        assert len({row.count("|") for row in block.strip().splitlines()}) == 1, block
    text = page.between(f"before\n{page.BEGIN}\nbygone\n{page.END}\nafter", figures)
    assert text.startswith(f"before\n{page.BEGIN}\n\nOne run of commit abc123")
    assert text.endswith(f"{page.END}\nafter")
    assert "bygone" not in text
    assert page.between(text, figures) == text


def test_a_missed_target_is_told_on_the_page() -> None:
    sections = met_all()
    sections["space"]["ratio"] = 40.6
    assert "| ≤ 12 | 40.6 | **missed** |" in page.figures(result(sections))


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the page has no"):
        page.between("nothing", "figures")


def test_the_page_of_the_documentation_has_marks() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "performance.md").read_text("utf-8")
    assert page.between(text, "figures")


def test_results_are_kept_in_order(tmp_path: Path) -> None:
    path = tmp_path / "results" / "history.jsonl"
    assert history.read(path) == []
    for number in range(2):
        history.append({"number": number}, path)
    assert history.read(path) == [{"number": 0}, {"number": 1}]


def test_a_plot_is_drawn_of_one_run_and_of_many() -> None:
    pytest.importorskip("matplotlib")
    from bench.speed import plot

    found = result(met_all())
    assert plot.svg(found, [found, found]).count("<svg") == 1
    assert plot.svg(result({}), []).count("<svg") == 1


def test_people_are_of_the_promised_size_and_the_same_every_time() -> None:
    numbers = list(world.people(0, 300))
    assert numbers == sorted(set(numbers))
    assert {world.kind_of(number) for number in range(10)} == set(world.CLASSES)
    for number in numbers:
        assert len(page_json(world.person(number))) == world.PAYLOAD_BYTES
        assert world.person(number) == world.person(number)
    assert len({world.person(number)["email"] for number in numbers}) == 300


def page_json(values: dict[str, Any]) -> str:
    import json

    return json.dumps(values)


def test_each_person_is_taken_once() -> None:
    numbers = list(_shuffled(500))
    assert sorted(numbers) == [number for number in range(500) if world.kind_of(number) == "Person"]
    assert numbers != sorted(numbers)


def test_what_is_said_of_a_known_person() -> None:
    for number in world.people(0, 50):
        values = world.person(number)
        said, after = world.moved(number, values)
        assert said.values["email"] == values["email"]
        assert after["city"] != values["city"]
        said, after = world.described(number, values)
        assert "email" not in said.values
        assert after["email"] == values["email"]
        assert (after["street"] == values["street"]) == (number % 2 == 0) or len(after["street"]) >= 5


def test_a_line_is_filled_with_what_is_a_memorys_own() -> None:
    assert Line(("a\t", "name", "\t", "name", "\n")).filled({"name": "Ana"}) == "a\tAna\tAna\n"


def test_a_profile_is_told_by_module() -> None:
    where = "/somewhere"
    own = {
        (f"{where}/src/memreg/engine/score.py", 10, "best_score"): 0.2,
        (f"{where}/lib/python3.11/site-packages/psycopg/connection.py", 5, "execute"): 0.1,
        (f"{where}/lib/python3.11/json/encoder.py", 5, "encode"): 0.05,
        ("~", 0, "<built-in method psycopg_binary._psycopg.wait_c>"): 0.6,
        ("~", 0, "<built-in method builtins.len>"): 0.05,
    }
    found = profiling.summary(own, 10)
    assert found["ms"] == 100.0
    assert found["shares"] == {
        "waiting for Postgres": 0.6, "memreg/engine/score.py": 0.2, "psycopg": 0.1, "the standard library": 0.05,
        "builtins": 0.05, "others": 0.0,
    }  # fmt: skip


def test_there_is_a_kind_for_each_thing_that_is_asked_for() -> None:
    assert [kind.name for kind in single.KINDS] == ["create", "identity", "score", "no-change", "delete"]
    assert [kind.name for kind in single.KINDS if kind.creates] == ["create"]
