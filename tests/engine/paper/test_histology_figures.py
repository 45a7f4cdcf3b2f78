"""Figures 7 to 11, Table 2 and the folds of the paper on histology patches: their files hold the drawn numbers, runs of
any network are named, and what is assumed is said."""

import csv
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from measured_runs import add_validation
from PIL import Image

from busapp.engine import jobs
from busapp.engine.curation.quality import assess_quality, measures_of
from busapp.engine.events import Finished, Note, Progress, Skipped
from busapp.engine.images.phantoms import write_phantoms
from busapp.engine.paper import image_properties
from busapp.engine.paper.histology_data import data_drawings, numbered
from busapp.engine.paper.histology_table import FoldSpread, table2
from busapp.engine.paper.image_properties import properties_of
from busapp.engine.paper.paper_figures import draw_figures
from busapp.engine.paper.published_histology import contradictions
from busapp.engine.results.measured import Measured
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

KINDS = ("svg", "png", "csv")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def words_of(path: Path) -> str:
    return " ".join(path.read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A study with two classes and runs of three networks, no phantoms by its own account. Not to be changed."""
    root = tmp_path_factory.mktemp("histology")
    write_phantoms(root / "images", {"benign": 9, "malignant": 7}, size=64, seed=1)
    workspace = Workspace.create(root / "study")
    for _ in jobs.start(workspace, ImportSettings(sources=(root / "images",))):
        pass
    add_validation(workspace, network="resnet-small", image_size=50)
    add_validation(workspace, network="cnn", protocol="published", epochs=2)
    add_validation(workspace, system="existing", epochs=1)
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def figures(study: Workspace) -> Path:
    out = study.root.parent / "figures"
    events = list(draw_figures(study, out))
    assert [event.text for event in events if isinstance(event, Note)] == contradictions()
    done = [event.done / event.total for event in events if isinstance(event, Progress)]
    assert done == sorted(done) and done[-1] <= 1
    assert isinstance(events[-1], Finished)
    assert sorted(events[-1].result["files"]) == sorted(path.name for path in out.iterdir())
    return out


def test_every_figure_has_its_files(figures: Path) -> None:
    runs = ("system1-strict-Small-ResNet", "system1-published-Plain-CNN", "existing-strict")
    names = [
        *(f"figure{number}" for number in (7, 8, 9)),
        *(f"figure{number}-{run}" for number in (10, 11) for run in runs),
        "table2",
        "folds",
    ]
    found = sorted(path.name for path in figures.glob("zion-*"))
    assert found == sorted(f"zion-{name}.{kind}" for name in names for kind in KINDS)
    for path in figures.glob("zion-*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 200 and np.asarray(picture).std() > 5


def test_two_classes_are_counted_as_0_and_1(figures: Path) -> None:
    assert rows_of(figures / "zion-figure7.csv") == [
        {"number": "0", "class": "benign", "images": "9"},
        {"number": "1", "class": "malignant", "images": "7"},
    ]
    assert "by the names of the classes" in words_of(figures / "zion-figure7.svg")


@pytest.mark.parametrize(
    ("classes", "numbers", "by_name"),
    [
        (["class0", "class1"], {"class0": 0, "class1": 1}, False),
        (["cancer", "normal"], {"cancer": 1, "normal": 0}, True),
        (["cancer", "non-cancer"], {"cancer": 1, "non-cancer": 0}, True),
        (["IDC", "no IDC"], {"IDC": 1, "no IDC": 0}, True),
        (["carcinoma", "malignant"], {"carcinoma": 0, "malignant": 1}, False),
        (["benign", "malignant", "normal"], {}, False),
    ],
)
def test_the_class_with_cancer_is_1_where_names_say_so(
    classes: list[str], numbers: dict[str, int], by_name: bool
) -> None:
    assert numbered(classes) == (numbers, by_name)


def test_figures_8_and_9_count_every_image_and_say_what_was_measured(figures: Path) -> None:
    for number, properties in ((8, 4), (9, 2)):
        rows = rows_of(figures / f"zion-figure{number}.csv")
        assert len({row["property"] for row in rows}) == properties and all(row["definition"] for row in rows)
        for name in {row["property"] for row in rows}:
            of_class = [row for row in rows if (row["property"], row["class"]) == (name, "malignant")]
            assert sum(int(row["images"]) for row in of_class) == 7
        said = words_of(figures / f"zion-figure{number}.svg")
        assert "16 images in use" in said
        assert all(row["definition"].split(":")[0].split(";")[0][:40] in said for row in rows)
    assert "does not say what breast density is" in said and "Most of these images are grey" in said


def test_the_density_of_a_stain() -> None:
    """A picture whose lower half lets a tenth of the light through, above white."""
    pixels = np.full((40, 40, 3), 255, np.uint8)
    pixels[20:] = 26  # 25.5
    picture = Image.fromarray(pixels)
    found = properties_of("a", picture, measures_of(picture))
    assert found.stained == 0.5 and found.density == pytest.approx(0.5 * np.log10(255 / 26))
    assert found.size == 40 and found.colour == 0
    black = Image.new("RGB", (400, 300))
    assert properties_of("a", black, measures_of(black)).density == pytest.approx(np.log10(255))


def test_the_measures_are_those_of_the_check_of_images(phantom_study: Workspace) -> None:
    record = phantom_study.catalog.images()[0]
    path = phantom_study.image_path(record)
    with Image.open(path) as image:
        picture = image.convert("RGB")
    assert measures_of(picture) == assess_quality(path.read_bytes(), picture).measures


def test_of_many_images_a_sample_is_measured_and_named(
    phantom_study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = phantom_study.catalog.images()
    first = image_properties.sampled(records, 10)
    assert first == image_properties.sampled(records, 10) and first != records[:10]
    assert [r.id for r in first] == sorted(r.id for r in first) and image_properties.sampled(records, 24) == records
    monkeypatch.setattr(image_properties.sampled, "__defaults__", (10,))
    *_, drawings = _all(phantom_study)
    counted, by_property, _ = drawings
    assert sum(int(str(row[2])) for row in counted.rows) == 24, "the classes are counted in full"
    assert sum(int(str(row[5])) for row in by_property.rows if row[0] == "size") == 10
    shown = " ".join(text.get_text() for text in by_property.draw().texts)
    assert "A random sample of 10 of 24 images in use (seed 0)" in shown


def test_unreadable_and_set_aside_images_are_told(phantom_study: Workspace) -> None:
    first, second, *_ = phantom_study.catalog.images()
    phantom_study.catalog.exclude([first.id], "unfit")
    phantom_study.image_path(second).write_bytes(b"damaged")
    *events, drawings = _all(phantom_study)
    assert [event.file for event in events if isinstance(event, Skipped)] == [second.file]
    assert "nor 1 image set aside" in " ".join(text.get_text() for text in drawings[0].draw().texts)
    assert "22 images in use; 1 cannot be read" in " ".join(text.get_text() for text in drawings[1].draw().texts)


def test_images_alone_have_their_figures(phantom_study: Workspace, empty_study: Workspace, tmp_path: Path) -> None:
    for _ in draw_figures(phantom_study, tmp_path / "out"):
        pass
    drawn = {path.stem.removeprefix("zion-") for path in (tmp_path / "out").iterdir()}
    assert drawn == {"figure7", "figure8", "figure9"}
    with pytest.raises(BadInput, match="no finished validation"):
        list(draw_figures(empty_study, tmp_path / "none"))


def _all(workspace: Workspace) -> list:  # type: ignore[type-arg]
    """The events of `data_drawings`, then its drawings."""
    steps, found = data_drawings(workspace, lambda done, of: Progress(done, of, "")), []
    while True:
        try:
            found.append(next(steps))
        except StopIteration as end:
            return [*found, end.value]


def test_figures_10_and_11_hold_the_epochs_of_a_run(figures: Path) -> None:
    mean = rows_of(figures / "zion-figure10-system1-published-Plain-CNN.csv")
    assert [(row["epoch"], row["folds"], row["network"]) for row in mean] == [
        ("1", "4", "Plain CNN"), ("2", "4", "Plain CNN")
    ]  # fmt: skip
    assert float(mean[1]["train_loss"]) == float(mean[1]["train_loss_lowest"]) == 0.5
    each = rows_of(figures / "zion-figure11-system1-published-Plain-CNN.csv")
    assert [(row["fold"], row["epoch"]) for row in each][:3] == [("1", "1"), ("1", "2"), ("2", "1")] and len(each) == 8
    for number in (10, 11):
        leaking = words_of(figures / f"zion-figure{number}-system1-published-Plain-CNN.svg")
        clean = words_of(figures / f"zion-figure{number}-existing-strict.svg")
        assert "⚠ leaks" in leaking and f"Figure {number}: Plain CNN, system1, published" in leaking
        assert "⚠" not in clean and f"Figure {number}: MobileNetV2, existing, strict" in clean


def test_table_2_names_protocols_and_spreads_over_folds(figures: Path, study: Workspace) -> None:
    rows = rows_of(figures / "zion-table2.csv")
    assert [row["network"] for row in rows] == [
        "ResNet",
        "CNN",
        "GAN + ResNet",
        "MobileNetV2",
        "Plain CNN",
        "Small ResNet",
    ]
    assert [row["accuracy"] for row in rows[:3]] == ["0.7", "0.9571", "0.98"]
    assert {row["protocol"] for row in rows[:3]} == {"not stated"}
    assert [float(rows[2][key]) for key in ("fold_lowest", "fold_highest", "fold_spread")] == pytest.approx(
        [0.95, 0.988, 0.038]
    )
    assert rows[2]["fold_deviation"] == rows[3]["fold_spread"] == rows[3]["fold_deviation"] == ""
    assert rows[4]["leaks"] and not rows[5]["leaks"]
    one = next(one for one in map(Measured.of, study.runs("validate")) if one.network == "cnn")
    folds = [fold["test_accuracy"] for fold in one.result["folds"]]
    assert float(rows[4]["fold_deviation"]) == pytest.approx(statistics.stdev(folds))
    assert float(rows[4]["fold_spread"]) == pytest.approx(max(folds) - min(folds))
    in_figure = [float(r["accuracy"]) for r in rows_of(figures / "zion-folds.csv") if r["network"] == "Plain CNN"]
    assert in_figure == folds
    said = words_of(figures / "zion-table2.svg")
    assert "not stated" in said and "⚠ leaks" in said and "leaks nothing" in said
    assert "Protocol “published” is the one of the paper on ultrasound" in said and "80,099" in said
    assert "95.0 to 98.80 %, without saying over what" in words_of(figures / "zion-folds.svg")


def test_spread_over_folds() -> None:
    found = FoldSpread.of([0.9, 0.95, 1.0])
    assert (found.lowest, found.highest) == (0.9, 1.0) and found.spread == pytest.approx(0.1)
    assert found.deviation == pytest.approx(0.05)
    assert FoldSpread.of([0.9]).deviation is None


def test_published_rows_stand_beside_two_classes_alone(study: Workspace, phantom_study: Workspace) -> None:
    measured = [Measured.of(run) for run in study.runs("validate")]
    assert [line.is_paper for line in table2(measured, with_paper=False).lines] == [False] * 3
    three = [Measured.of(add_validation(phantom_study, network="cnn"))]
    table = table2(three, with_paper=True)
    assert not any(line.is_paper for line in table.lines) and not table.contradictions
    assert [line.title for line in table.lines] == ["Plain CNN, system1, strict"]
    small = [Measured.of(add_validation(phantom_study, network="resnet-small"))]
    assert table2(small, with_paper=False).contradictions == contradictions(), "its network is said to be the paper's"


def test_patches_of_tissue_are_drawn_in_seconds(idc_patches: Path, tmp_path: Path) -> None:
    """Real patches: those with carcinoma are denser, and no picture is grey."""
    for name in ("class0", "class1"):
        (tmp_path / "some" / name).mkdir(parents=True)
        for path in sorted((idc_patches / name).iterdir())[::20]:
            shutil.copy(path, tmp_path / "some" / name)
    workspace = Workspace.create(tmp_path / "study")
    for _ in jobs.start(workspace, ImportSettings(sources=(tmp_path / "some",))):
        pass
    *_, drawings = _all(workspace)
    assert [row[0] for row in drawings[0].rows] == [0, 1]
    density = {
        name: np.average(
            [(row[3] + row[4]) / 2 for row in drawings[2].rows if (row[0], row[2]) == ("mean optical density", name)],
            weights=[row[5] for row in drawings[2].rows if (row[0], row[2]) == ("mean optical density", name)],
        )
        for name in ("class0", "class1")
    }
    assert 0.05 < density["class0"] < density["class1"] < 0.3
    shown = " ".join(text.get_text() for text in drawings[2].draw().texts)
    assert "grey, so they show no stain" not in shown
    workspace.close()
