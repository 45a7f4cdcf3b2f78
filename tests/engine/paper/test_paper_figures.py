"""Table 1 and Figures 11 to 16: their CSV files hold the drawn numbers, and numbers that leak are marked."""

import csv
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured_runs import add_synthesis, add_validation
from PIL import Image

from busapp.engine.events import Finished, Job, Note, SamplesDrawn
from busapp.engine.paper.gan_figures import shown_epochs
from busapp.engine.paper.paper_figures import draw_figures, paper_drawings
from busapp.engine.paper.paper_frame import Line
from busapp.engine.paper.paper_table import table1
from busapp.engine.paper.published import contradictions
from busapp.engine.paper.table_drawing import draw_table
from busapp.engine.results.measured import Measured
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def finished(job: Job) -> dict[str, list[str]]:
    *_, last = job
    assert isinstance(last, Finished)
    return last.result


def of_ultrasound(names: Iterable[str]) -> list[str]:
    """The names of files without those of the paper on histology patches."""
    return [name for name in names if not name.startswith("zion-")]


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
    assert sorted(of_ultrasound(path.name for path in figures.iterdir())) == expected
    for path in figures.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 200 and np.asarray(picture).std() > 5


def test_long_names_are_wrapped_beside_their_numbers() -> None:
    name = "system1, strict, Hybrid with SVM on 100 features of MobileNetV2, EfficientNet-Lite0 and SqueezeNet 1.1"
    short, long = (Line(title, "run", False, False, (("80.0", ""),)) for title in ("system1, strict", name))
    figure = draw_table("A table", ["Accuracy"], [long, short], [])
    figure.canvas.draw()
    axes = figure.axes[0]
    titles = [text for text in axes.texts if text.get_weight() == "bold"][1:]
    (cell,) = {text.get_window_extent().x0 for text in axes.texts if text.get_text() == "80.0"}
    assert " ".join(text.get_text() for text in titles[:-1]) == name
    assert all(text.get_window_extent().x1 < cell for text in titles)
    tops = [text.get_window_extent().y0 for text in titles]
    assert tops == sorted(tops, reverse=True) and len(set(tops)) == len(tops)


def test_what_leaks_says_so_in_every_picture_and_table(figures: Path) -> None:
    for path in map(figures.joinpath, of_ultrasound(path.name for path in figures.glob("*.svg"))):
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
    assert first["files"] == second["files"] and len(of_ultrasound(first["files"])) == 12
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


def test_where_the_paper_contradicts_itself_is_said_beside_table_1(phantom_study: Workspace, tmp_path: Path) -> None:
    add_validation(phantom_study)
    assert notes_until_table1(phantom_study, tmp_path / "phantoms") == []
    real = replace(phantom_study, phantoms=False)
    said = notes_until_table1(real, tmp_path / "figures")
    real.close()
    assert said == contradictions(), "the paper on histology has two classes, these are three"
    shown = " ".join((tmp_path / "figures" / "table1.svg").read_text(encoding="utf-8").split())
    assert "sensitivities of Table 1 give 94.96 to 96.46 %" in shown and "740 are 94.872 %" in shown


def notes_until_table1(workspace: Workspace, out: Path) -> list[str]:
    """The notes of a job that is closed when its first drawing is written; all of them come before the drawings."""
    notes = []
    for event in draw_figures(workspace, out):
        if isinstance(event, Note):
            notes.append(event.text)
        if (out / "table1.svg").exists():
            return notes
    raise AssertionError("Table 1 was never drawn")


def test_a_folder_that_cannot_be_written_to_is_named(phantom_study: Workspace, tmp_path: Path) -> None:
    add_validation(phantom_study)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match=r"table1\.svg"):
        finished(draw_figures(phantom_study, tmp_path / "file" / "figures"))


def test_figures_14_to_16_are_drawn_from_the_newest_synthesis_of_each_class(
    phantom_study: Workspace, tmp_path: Path
) -> None:
    add_synthesis(phantom_study, "malignant", in_catalog=0)
    malignant, normal = add_synthesis(phantom_study, "malignant", epochs=12), add_synthesis(phantom_study, "normal")
    result = finished(draw_figures(phantom_study, tmp_path))
    assert result["runs"] == [malignant.id, normal.id], "there is no validation to draw"
    stems = [f"figure{number}-{name}" for name in ("malignant", "normal") for number in (14, 15, 16)]
    drawn = of_ultrasound(result["files"])
    assert drawn == [f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "png", "csv")]

    samples = rows_of(tmp_path / "figure14-malignant.csv")
    assert [int(row["epoch"]) for row in samples] == [1, 4, 7, 9, 12]
    assert all((malignant.folder / row["file"]).is_file() for row in samples)
    assert [int(row["epoch"]) for row in rows_of(tmp_path / "figure14-normal.csv")] == [1, 2, 3, 4]
    beside = rows_of(tmp_path / "figure15-malignant.csv")
    assert [row["kind"] for row in beside] == ["real"] * 6 + ["synthetic"] * 2
    by_id = {str(image.id): image for image in phantom_study.catalog.images(class_name="malignant")}
    for row in beside:
        image = by_id[row["image_id"]]
        assert (image.sha256, image.kind) == (row["sha256"], row["kind"]) and image.file not in str(row)
        assert image.run in (None, malignant.id)
    losses = rows_of(tmp_path / "figure16-malignant.csv")
    assert [float(row["g_loss"]) for row in losses] == [1 + epoch / 10 for epoch in range(1, 13)]
    assert {(row["run"], row["d_real"], row["d_fake"]) for row in losses} == {(malignant.id, "0.7", "0.3")}
    for stem in stems:
        svg = (tmp_path / f"{stem}.svg").read_text(encoding="utf-8")
        assert "simulated phantoms" in svg.lower().replace("\n", " ")
        assert ("nobody was scanned" in svg.replace("\n", " ")) == ("16" not in stem)


def test_an_older_synthesis_is_drawn_as_long_as_its_images_are_in_use(phantom_study: Workspace, tmp_path: Path) -> None:
    older, unused, newest = (add_synthesis(phantom_study, "malignant", in_catalog=count) for count in (2, 0, 0))
    result = finished(draw_figures(phantom_study, tmp_path))
    assert result["runs"] == [newest.id, older.id], "the newest is drawn even if none of its images is in use"
    assert {f"figure15-malignant-{older.id}.svg", f"figure14-malignant-{newest.id}.svg"} <= set(result["files"])
    assert not any(name.rpartition(".")[0].endswith(f"-{unused.id}") for name in result["files"])
    phantom_study.catalog.exclude([image.id for image in phantom_study.catalog.images(kind="synthetic")], "unfit")
    assert finished(draw_figures(phantom_study, tmp_path / "unfit"))["runs"] == [newest.id]


def test_the_papers_epochs_are_shown_where_the_run_has_them() -> None:
    epochs = (500, 1000, 1500, 2500, 3500, 4200)
    run = [SamplesDrawn(epoch, f"{epoch}.png") for epoch in range(100, 4201, 100)]
    assert [event.epoch for event in shown_epochs(run)] == list(epochs)
    assert [event.epoch for event in shown_epochs(run[:25])] == [100, 700, 1300, 1900, 2500]
    assert shown_epochs([]) == []


def test_named_syntheses_are_drawn_and_no_others(phantom_study: Workspace, tmp_path: Path) -> None:
    validation = add_validation(phantom_study)
    first, second = (add_synthesis(phantom_study, "normal", in_catalog=0) for _ in range(2))
    result = finished(draw_figures(phantom_study, tmp_path, [first.id, second.id]))
    assert sorted({name.partition(".")[0] for name in result["files"]}) == sorted(
        f"figure{number}-normal-{run.id}" for run in (first, second) for number in (14, 16)
    ), "Figure 15 needs images that are in use"
    result = finished(draw_figures(phantom_study, tmp_path / "both", [validation.id, second.id]))
    assert result["runs"] == [validation.id, second.id] and "figure16-normal.csv" in result["files"]
    assert "table1.csv" in result["files"]
    unfinished = phantom_study.new_run("synthesize", {"class_name": "normal"})
    with pytest.raises(BadInput, match="not a finished synthesis run"):
        finished(draw_figures(phantom_study, tmp_path, [unfinished.id]))
