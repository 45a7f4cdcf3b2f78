"""Table 1 and Figures 11 to 13: what is drawn is in the tables beside, and what leaks says so."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from measured_runs import add_validation
from PIL import Image

from busapp.engine.events import Finished, Job
from busapp.engine.measured import Measured
from busapp.engine.paper_figures import draw_figures, paper_drawings
from busapp.engine.paper_table import contradictions, table1
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput


def finished(job: Job) -> dict[str, list[str]]:
    *_, last = job
    assert isinstance(last, Finished)
    return last.result


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def study(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A study with five runs. Not to be changed."""
    root = tmp_path_factory.mktemp("figures") / "study"
    shutil.copytree(_phantom_template, root)
    workspace = Workspace.open(root)
    for system, given in (("existing", {}), ("system1", {}), ("system1", {"recipe": "careful"})):
        add_validation(workspace, system=system, **given)
    for system in ("system1", "existing"):
        add_validation(workspace, system=system, protocol="published", epochs=2)
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def figures(study: Workspace) -> Path:
    """The folder of the figures of its runs."""
    out = study.root.parent / "new" / "figures"
    files = finished(draw_figures(study, out))["files"]
    assert sorted(files) == sorted(path.name for path in out.iterdir())
    return out


def test_every_figure_has_its_files_under_names_that_can_be_foretold(figures: Path) -> None:
    runs = ("existing-published", "existing-strict", "system1-published", "system1-strict", "system1-strict-careful")
    together = ("published", "strict", "strict-careful")
    names = [
        "table1",
        *(f"figure11-{run}" for run in runs),
        *(f"figure{number}-{group}" for number in (12, 13) for group in together),
    ]
    expected = sorted(f"{name}.{kind}" for name in names for kind in ("svg", "png", "csv"))
    assert sorted(path.name for path in figures.iterdir()) == expected
    for path in figures.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 200 and np.asarray(picture).std() > 5


def test_what_leaks_says_so_in_every_picture_and_table(figures: Path) -> None:
    for path in figures.glob("*.svg"):
        leaking, clean = "⚠" in path.read_text(encoding="utf-8"), "strict" in path.stem
        assert leaking != clean, path.name
        assert "simulated phantoms" in path.read_text(encoding="utf-8").lower().replace("\n", " "), path.name
    for path in figures.glob("figure*.csv"):
        assert all(bool(row["leaks"]) == (row["protocol"] == "published") for row in rows_of(path)), path.name


def test_the_tables_hold_the_numbers_of_the_runs(figures: Path, study: Workspace) -> None:
    by_title = {one.title: one for one in map(Measured.of, study.runs("validate"))}
    strict = by_title["system1, strict"]
    (row,) = [row for row in rows_of(figures / "table1.csv") if row["run"] == strict.run.id]
    assert float(row["accuracy"]) == strict.result["accuracy"]
    assert [float(row["accuracy_low"]), float(row["accuracy_high"])] == strict.result["accuracy_ci95"]
    assert float(row["sensitivity_normal"]) == strict.result["sensitivity"]["normal"]
    assert float(row["specificity_benign_high"]) == strict.result["specificity_ci95"]["benign"][1]
    assert row["train_accuracy"] == "0.95" and row["leaks"] == ""
    matrix = np.array(strict.result["confusion"])
    cells = rows_of(figures / "figure11-system1-strict.csv")
    assert len(cells) == 27
    counted = {
        role: sum(int(c["images"]) for c in cells if (c["class"], c["counts_as"]) == ("malignant", role))
        for role in ("TP", "FN", "FP", "TN")
    }
    right, of_class, as_class = matrix[1, 1], matrix[1].sum(), matrix[:, 1].sum()
    assert counted == {"TP": right, "FN": of_class - right, "FP": as_class - right,
                       "TN": matrix.sum() - of_class - as_class + right}  # fmt: skip
    drawn = [row for row in rows_of(figures / "figure12-strict.csv") if row["system"] == "system1"]
    assert [row["true"] for row in drawn[:3]] == ["normal", "benign", "malignant"]  # side by side, as in the paper
    (missed,) = [int(r["images"]) for r in drawn if (r["true"], r["predicted"]) == ("malignant", "benign")]
    assert missed == matrix[1, 0]


def test_epochs_of_all_folds_stand_end_to_end(figures: Path) -> None:
    rows = [row for row in rows_of(figures / "figure13-published.csv") if row["system"] == "system1"]
    assert [int(row["epoch_of_all"]) for row in rows] == list(range(1, 9))
    assert [(row["fold"], row["epoch"]) for row in rows[1:3]] == [("1", "2"), ("2", "1")]
    assert rows[3]["train_loss"] == "0.5"
    assert len([row for row in rows_of(figures / "figure13-published.csv") if row["system"] == "existing"]) == 2


def test_the_same_run_gives_the_same_files(study: Workspace, tmp_path: Path) -> None:
    run = study.runs("validate")[0]
    first, second = (finished(draw_figures(study, tmp_path / out, [run.id])) for out in ("first", "second"))
    assert first["files"] == second["files"] and len(first["files"]) == 12
    for name in first["files"]:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes(), name


def test_two_runs_of_one_kind_get_files_of_their_own(phantom_study: Workspace) -> None:
    first, second = add_validation(phantom_study), add_validation(phantom_study, epochs=2)
    drawings = {d.name: d for d in paper_drawings([Measured.of(first), Measured.of(second)], phantoms=True)}
    assert {f"figure11-system1-strict-{run.id}" for run in (first, second)} < drawings.keys()
    assert {row[0] for row in drawings["figure12-strict"].rows} == {first.id, second.id}


def test_the_papers_numbers_stand_beside_those_of_real_images_of_its_classes(phantom_study: Workspace) -> None:
    measured = [Measured.of(add_validation(phantom_study))]
    real = table1(measured, with_paper=True)
    assert [line.title for line in real.lines] == [
        "existing, the paper", "system1, the paper", "system1, strict", "system2, the paper"
    ]  # fmt: skip
    assert real.lines[1].cells[-1] == ("93.43 %", "") and all(line.leaks for line in real.lines if line.is_paper)
    assert real.numbers[3][:4] == ("paper", None, "system2", "published")
    assert [line.is_paper for line in table1(measured, with_paper=False).lines] == [False]
    (table, *_) = paper_drawings(measured, phantoms=True)
    assert [row[0] for row in table.rows] == ["measured here"]
    others = Measured(measured[0].run, {**measured[0].result, "classes": ["cyst", "none"]})
    assert not any(line.is_paper for line in table1([others], with_paper=True).lines)


def test_where_the_paper_contradicts_itself_is_said() -> None:
    existing, system1 = contradictions()
    assert "87.50 %" in existing and "Figure 12 gives 83.3 %" in existing
    assert "93.43 %" in system1 and "89.0 to 91.0 %" in system1


def test_a_folder_that_cannot_be_written_to_is_named(phantom_study: Workspace, tmp_path: Path) -> None:
    add_validation(phantom_study)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match=r"table1\.svg"):
        finished(draw_figures(phantom_study, tmp_path / "file" / "figures"))
