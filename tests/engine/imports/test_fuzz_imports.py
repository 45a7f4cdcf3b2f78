"""Damaged and hostile files are imported without harm, and harm would be noticed.

`python tests/helpers/fuzz_imports.py` imports ten thousand.
"""

import os
from pathlib import Path

from fuzz_bombs import bombs
from fuzz_cases import WHEEL, Case, kind_of, make_case
from fuzz_imports import KINDS, Fuzzing, summary


def test_damaged_and_hostile_files_do_no_harm(tmp_path: Path) -> None:
    with Fuzzing(tmp_path, seed=3) as fuzzing:
        outcomes = list(fuzzing.outcomes(range(120)))
    assert not [(outcome.number, outcome.findings) for outcome in outcomes if outcome.findings]
    for kind in KINDS:
        assert {"imported", "refused"} == {outcome.result for outcome in outcomes if outcome.kind == kind}
    assert summary(outcomes).splitlines()[-1].split() == ["all", *(f"{n:,}" for n in _counts(outcomes)), "120"]
    assert not (tmp_path / "worker 1").exists()


def _counts(outcomes: list) -> list[int]:
    results = [outcome.result for outcome in outcomes]
    return [results.count(result) for result in ("imported", "refused", "crashed", "hung", "escaped")]


def test_a_case_is_made_again_from_its_number() -> None:
    numbers = range(0, 2000, 7)
    cases = [make_case(3, number) for number in numbers if number // len(WHEEL) % 60 != 30]
    assert [make_case(3, case.number) for case in cases] == cases
    assert len({case.content for case in cases}) > 0.8 * len(cases)
    assert all(case.kind == kind_of(case.number) for case in cases)


def test_every_bomb_comes_within_ten_thousand_cases() -> None:
    turns = 10_000 // len(WHEEL) // 60
    assert all(turns * WHEEL.count(kind) >= len(bombs(kind)) for kind in KINDS)


def misbehave(case: Case, source: Path, study: Path) -> str:
    """Does a different kind of harm for each number."""
    if case.number == 0:
        os.abort()
    if case.number == 1:
        while True:
            pass
    if case.number == 2:
        raise ValueError("a defect")
    if case.number == 3:
        (study.parents[1] / "canaries" / "canary.png").write_bytes(b"changed")
    if case.number == 4:
        (source.parent / "new.png").touch()
    if case.number == 5:
        (study.parents[1] / "canaries").rename(study.parents[1] / "moved")
    if case.number == 6:
        os.system("exit 0")
    return import_nothing(case, source, study)


def import_nothing(_: Case, source: Path, study: Path) -> str:
    """Creates a study without images."""
    from busapp.engine.study.workspace import Workspace

    assert source.exists()
    Workspace.create(study).close()
    return "refused"


def test_harm_is_noticed(tmp_path: Path) -> None:
    with Fuzzing(tmp_path, seed=2, importer=misbehave, most_seconds=2.0) as fuzzing:
        outcomes = list(fuzzing.outcomes(range(8)))
    assert [outcome.result for outcome in outcomes] == ["crashed", "hung", "crashed", *["escaped"] * 4, "refused"]
    assert "ValueError: a defect" in outcomes[2].findings[0]
    assert "canary.png" in outcomes[3].findings[0]
    assert "new.png" in outcomes[4].findings[0]
    assert "moved" in outcomes[5].findings[1]
    assert "os.system" in outcomes[6].findings[0]
    assert not outcomes[7].findings


def import_another_file(case: Case, source: Path, study: Path) -> str:
    """Imports a file from beside the input, or damages stored files."""
    from busapp.engine import jobs
    from busapp.engine.settings import ImportSettings
    from busapp.engine.study.workspace import Workspace

    folder = source.parents[1] if case.number == 0 else source.parent / "set"
    workspace = Workspace.create(study)
    for _ in jobs.start(workspace, ImportSettings(sources=(folder,), class_name="benign")):
        pass
    if case.number == 1:
        workspace.image_path(workspace.catalog.images()[0]).write_bytes(b"damaged")
    workspace.close()
    if case.number == 2:
        (study / "catalog.sqlite").write_bytes(b"damaged")
    return "imported"


def test_a_study_that_is_not_what_it_should_be_is_noticed(tmp_path: Path) -> None:
    with Fuzzing(tmp_path, seed=6, importer=import_another_file) as fuzzing:
        outcomes = list(fuzzing.outcomes(range(3)))
    for outcome, what in zip(outcomes, ("comes from outside", "is not what it was", "is damaged"), strict=True):
        assert outcome.result == "crashed"
        assert what in outcome.findings[0]
