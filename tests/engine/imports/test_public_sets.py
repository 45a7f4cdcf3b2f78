"""Public sets come in as their authors mean them: classes, masks and patients, in the preview, the import and the
command line. Pictures are invented, folders, names and tables are those of the sets."""

import json
from collections import Counter
from pathlib import Path

import pytest
from image_folders import imported, looked_at
from public_sets import SETS, PublicSet

from busapp import cli
from busapp.engine.study.workspace import Workspace


@pytest.fixture(params=SETS)
def public(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, PublicSet]:
    """A copy of a set, and what should become of it."""
    expected = SETS[request.param]
    expected.build(tmp_path / "download")
    return tmp_path / "download", expected


def test_a_public_set_comes_in_right(empty_study: Workspace, public: tuple[Path, PublicSet]) -> None:
    source, expected = public
    seen = looked_at(empty_study, source)
    assert (seen.counts, seen.masks, seen.patients) == (expected.counts, expected.masks, expected.patients)
    said = next((finding.text for finding in seen.findings if finding.kind == "recognised"), "")
    assert said.startswith(f"This looks like {expected.name}: " if expected.name else ("", "This")[0])
    assert bool(said) == bool(expected.name)
    result = imported(empty_study, source)
    assert (result["counts"], result["masks"], result["patients"]) == seen_as(expected)
    told = [finding["text"] for finding in result["findings"]]
    assert set(told) >= {finding.text for finding in seen.findings}
    assert [left["reason"] for left in result["skipped"]] == [left.reason for left in seen.skipped]
    groups: dict[str, set[int]] = {}
    for image in empty_study.catalog.images():
        assert image.file == f"{image.class_name}/{Path(image.file).name}"
        if image.patient is not None:
            groups.setdefault(image.patient, set()).add(image.group)
    assert len(groups) == expected.patients
    assert looked_at(empty_study, source).already_present == result["imported"]


def seen_as(expected: PublicSet) -> tuple[dict[str, int], int, int]:
    return expected.counts, expected.masks, expected.patients


def test_the_command_line_says_the_same(
    public: tuple[Path, PublicSet], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, expected = public
    assert cli.main(["import", str(source), "--workspace", str(tmp_path / "study"), "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["counts"], result["masks"], result["patients"]) == seen_as(expected)
    if expected.name:
        assert any(f"This looks like {expected.name}: " in finding["text"] for finding in result["findings"])


@pytest.mark.parametrize("names", [("busi", "busbra"), ("breast", "busbra", "bus_uclm")])
def test_sets_side_by_side_in_one_folder_are_told_apart(
    empty_study: Workspace, tmp_path: Path, names: tuple[str, ...]
) -> None:
    counts: Counter[str] = Counter()
    for number, name in enumerate(names):
        SETS[name].build(tmp_path / "downloads" / f"set {number}")
        counts.update(SETS[name].counts)
    (tmp_path / "downloads" / "notes.txt").write_text("where the sets are from")
    seen = looked_at(empty_study, tmp_path / "downloads")
    assert seen.counts == counts and seen.masks == sum(SETS[name].masks for name in names)
    assert seen.patients == sum(SETS[name].patients for name in names)
    said = [finding.text for finding in seen.findings if finding.kind == "recognised"]
    folders = ", ".join(f"set {number}" for number in range(len(names)))
    assert f"downloads holds several sets, each of which counts as a source of its own: {folders}." in said
    for name in names:
        assert any(text.startswith(f"This looks like {SETS[name].name}: ") for text in said)
    assert ("downloads/notes.txt", "It is not an image") in [(left.file, left.reason) for left in seen.skipped]
