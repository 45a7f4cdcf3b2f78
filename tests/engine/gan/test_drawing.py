"""Drawing without copies: which images count as copies, and when drawing ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pulling import gather

from busapp.engine.catalog import Cover, NewImage
from busapp.engine.events import Note
from busapp.engine.gan import drawing
from busapp.engine.gan.drawing import (
    Drawn,
    DrawnImage,
    Likeness,
    draw_new,
    drawn_so_far,
    known_of,
    read_drawn,
    stored_png,
    write_drawn,
)
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.settings import SynthesizeSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of
from busapp.errors import BadInput

SETTINGS = SynthesizeSettings.model_validate({"class_name": "malignant", "image_size": 16})


@pytest.fixture(scope="module")
def real(phantom_folder: Path) -> Pixels:
    """Eight phantoms of 64×64."""
    paths = sorted((phantom_folder / "benign").glob("*.png"))
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths if "mask" not in path.name])


def test_near_copies_are_found_mirrored_smaller_brighter_or_shifted(real: Pixels) -> None:
    mirrored = real[:2, :, ::-1]
    brighter = np.clip(real[2:4].astype(float) * 0.7 + 40, 0, 255).astype(np.uint8)
    smaller = np.stack([np.asarray(Image.fromarray(picture).resize((32, 32))) for picture in real[4:6]])
    moved = np.pad(real, ((0, 0), (6, 0), (0, 4), (0, 0)), mode="edge")[:, :64, 4:]
    likeness = Likeness(real)
    for copies, places in ((real, range(8)), (mirrored, (0, 1)), (brighter, (2, 3)), (smaller, (4, 5))):
        nearest = likeness.nearest(copies)
        assert nearest.place.tolist() == list(places)
        assert (nearest.correlation > 0.97).all()
        assert nearest.mirrored.tolist() == [copies is mirrored] * len(copies)
    for copies in (moved, moved[:, :, ::-1]):
        assert likeness.nearest(copies).place.tolist() == list(range(8))
        assert (likeness.nearest(copies).correlation > 0.97).all()
    noise = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), np.uint8)
    even = np.full((1, 16, 16, 3), 90, np.uint8)
    assert (likeness.nearest(np.concatenate([noise, even])).correlation < 0.7).all()


def test_the_correlation_is_that_of_the_thumbnails_at_the_best_shift(real: Pixels) -> None:
    def thumbnail(picture: Pixels) -> np.ndarray:
        small = Image.fromarray(picture).convert("L").resize((32, 32), Image.Resampling.BICUBIC)
        return np.asarray(small).astype(float)

    first, second = thumbnail(real[0]), thumbnail(real[1])
    middle = slice(4, 28)
    found = [
        np.corrcoef(first.ravel(), second.ravel())[0, 1],
        np.corrcoef(first[:, ::-1].ravel(), second.ravel())[0, 1],
    ]
    for flipped in (first, first[:, ::-1]):
        for down in range(9):
            for right in range(9):
                window = second[down : down + 24, right : right + 24]
                found.append(np.corrcoef(flipped[middle, middle].ravel(), window.ravel())[0, 1])
    nearest = Likeness(real[1:2]).nearest(real[:1])
    assert nearest.correlation[0] == pytest.approx(max(found), abs=1e-5)


@pytest.fixture
def study(empty_study: Workspace) -> Iterator[tuple[Workspace, GeneratorRecord, Pixels]]:
    """A study of four images of noise and a generator that was trained on them."""
    pixels = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)
    for number, picture in enumerate(pixels):
        sha256 = empty_study.store_image(stored_png(picture), ".png")
        empty_study.catalog.add([NewImage(f"{number}.png", sha256, ".png", "malignant", 16, 16)], "real")
    trained_on = frozenset(image.sha256 for image in empty_study.catalog.images())
    run = empty_study.new_run("synthesize", {})
    yield empty_study, GeneratorRecord(run.folder, "malignant", trained_on, SETTINGS), pixels


def drawn_by(job: Any) -> tuple[list[str], Drawn]:
    events, drawn = gather(job)
    return [event.text for event in events if isinstance(event, Note)], drawn


def draws(monkeypatch: pytest.MonkeyPatch, *parts: Pixels) -> list[tuple[int, int]]:
    """Let the generator draw these images. Returns the requests that it gets."""
    asked: list[tuple[int, int]] = []

    def drawn(_: GeneratorRecord, count: int, start: int) -> Iterator[Pixels]:
        asked.append((count, start))
        return iter(parts)

    monkeypatch.setattr(drawing, "draw_in_parts", drawn)
    return asked


FRESH = np.random.default_rng(1).integers(0, 255, (4, 16, 16, 3), np.uint8)


def test_copies_are_left_out_and_drawing_ends(
    study: tuple[Workspace, GeneratorRecord, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, record, real = study
    asked = draws(monkeypatch, np.concatenate([real[:2], FRESH[:1]]), FRESH[1:])
    said, drawn = drawn_by(draw_new(workspace, record, 3, "drawing", start=7))
    assert asked == [(9, 7)]
    np.testing.assert_array_equal(drawn.pixels, FRESH[:3])
    np.testing.assert_array_equal(drawn.copied, real[:2])
    assert [image.number for image in drawn.copies] == [8, 9]
    assert [image.number for image in drawn.kept] == [10, 11, 12]
    assert [image.sha256 for image in drawn.kept] == [sha256_of(stored_png(picture)) for picture in FRESH[:3]]
    assert {image.nearest_file for image in drawn.copies} == {"0.png", "1.png"}
    assert said == ["drawing: 2 copies of training images skipped."]

    draws(monkeypatch, real, real)
    said, drawn = drawn_by(draw_new(workspace, record, 3, "drawing"))
    assert (len(drawn.copies), len(drawn.pixels)) == (8, 0)
    assert said[0].startswith("drawing: only 0 of 3 were kept; 8 drawn images nearly equalled training images.")


def test_nothing_is_loaded_where_nothing_is_wanted(
    study: tuple[Workspace, GeneratorRecord, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, record, _ = study
    asked = draws(monkeypatch)
    assert drawn_by(draw_new(workspace, record, 0, "drawing"))[1].pixels.shape == (0, 16, 16, 3)
    assert asked == []


def test_what_is_set_aside_is_known_by_its_content_and_by_its_place(
    study: tuple[Workspace, GeneratorRecord, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, record, _ = study
    sha256 = workspace.store_image(stored_png(FRESH[1]), ".png")
    workspace.catalog.add([NewImage("d.png", sha256, ".png", "malignant", 16, 16, kind="synthetic")], "drawn")
    [image] = workspace.catalog.images(kind="synthetic")
    workspace.catalog.exclude([image.id], "unfit")
    draws(monkeypatch, FRESH)
    said, drawn = drawn_by(draw_new(workspace, record, 2, "drawing"))
    assert ([one.number for one in drawn.kept], drawn.left_out) == ([1, 3], 1)
    assert said == ["drawing: skipped 1 drawn image that the study has set aside."]

    write_drawn(record.folder, [DrawnImage(2, "d.png", sha256, "", "", 0.0, False, False)])
    elsewhere = FRESH.copy()
    elsewhere[1, 0, 0, 0] ^= 1  # as another device might round it
    draws(monkeypatch, elsewhere)
    assert drawn_by(draw_new(workspace, record, 2, "drawing"))[1].left_out == 1


def test_what_is_set_aside_is_known_where_it_was_covered_and_where_no_table_names_it(
    study: tuple[Workspace, GeneratorRecord, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, record, _ = study
    for number in (2, 3):
        sha256 = workspace.store_image(stored_png(FRESH[number - 1]), ".png")
        name = f"synthetic/malignant/{record.name}-{number:04d}.png"
        new = NewImage(name, sha256, ".png", "malignant", 16, 16, kind="synthetic", run=record.name)
        workspace.catalog.add([new], "drawn")
    covered, other = workspace.catalog.images(kind="synthetic")
    black = workspace.store_image(stored_png(np.zeros((16, 16, 3), np.uint8)), ".png")
    workspace.catalog.cover([Cover(covered, black, ".png", [])], str)
    workspace.catalog.exclude([covered.id, other.id], "unfit")
    elsewhere = FRESH.copy()
    elsewhere[2, 0, 0, 0] ^= 1  # as another device might round it
    draws(monkeypatch, elsewhere)
    _, drawn = drawn_by(draw_new(workspace, record, 2, "drawing"))
    assert ([one.number for one in drawn.kept], drawn.left_out) == ([1, 4], 2)

    elsewhere[1, 0, 0, 0] ^= 1
    write_drawn(record.folder, [DrawnImage(2, "", covered.sha256, "", "", 0.0, False, False)])
    draws(monkeypatch, elsewhere)
    assert drawn_by(draw_new(workspace, record, 2, "drawing"))[1].left_out == 2


def test_an_image_that_cannot_be_compared_with_is_told(
    study: tuple[Workspace, GeneratorRecord, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, record, real = study
    workspace.image_path(workspace.catalog.images()[0]).unlink()
    draws(monkeypatch, real)
    said, drawn = drawn_by(draw_new(workspace, record, 1, "drawing"))
    assert len(drawn.kept) == 1, "nobody can know that it is a copy"
    assert said[0].startswith("1 image that the generator was trained on can no longer be read")


def test_the_table_keeps_what_was_drawn_before(empty_study: Workspace) -> None:
    run = empty_study.new_run("synthesize", {})
    rows = [DrawnImage(n, f"a,{n}.png", f"{n}", "b “ü”.png", "c", 0.25, n == 1, n == 2) for n in (1, 2, 3)]
    write_drawn(run.folder, rows[:2])
    assert drawn_so_far(empty_study, run) == 2
    newer = DrawnImage(2, "", "2", "", "", 0.5, False, False)
    write_drawn(run.folder, [rows[2], newer])
    assert read_drawn(run.folder) == [rows[0], newer, rows[2]]
    assert drawn_so_far(empty_study, run) == 3
    header = (run.folder / "drawn.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "number,file,sha256,nearest_file,nearest_sha256,correlation,mirrored,copy"


@pytest.mark.parametrize("content", ["number\nmany\n", "", "number,file\n"])
def test_a_damaged_table_is_left_as_it_is(empty_study: Workspace, content: str) -> None:
    run = empty_study.new_run("synthesize", {})
    assert known_of(run.folder) == []
    (run.folder / "drawn.csv").write_text(content, encoding="utf-8")
    for read in (
        lambda: read_drawn(run.folder),
        lambda: known_of(run.folder),
        lambda: drawn_so_far(empty_study, run),
        lambda: write_drawn(run.folder, [DrawnImage(1, "a.png", "1", "", "", 0.0, False, False)]),
    ):
        with pytest.raises(BadInput, match="list of drawn images cannot be read"):
            read()
    assert (run.folder / "drawn.csv").read_text(encoding="utf-8") == content


def test_an_older_run_is_gone_on_with_behind_all_that_it_can_have_drawn(empty_study: Workspace) -> None:
    run = empty_study.new_run("synthesize", {})
    (run.folder / "result.json").write_text('{"images": 304, "copies": 5}', encoding="utf-8")
    assert drawn_so_far(empty_study, run) == 304 + 5 + 32


def test_names_of_images_that_no_table_knows_count_as_drawn(empty_study: Workspace) -> None:
    run = empty_study.new_run("synthesize", {})
    write_drawn(run.folder, [DrawnImage(2, "", "2", "", "", 0.0, False, False)])
    for of, number in ((run.id, 40), (run.id, 7), ("another", 90)):
        sha256 = empty_study.store_image(stored_png(FRESH[number % 3]), ".png")
        name = f"synthetic/malignant/{of}-{number:04d}.png"
        empty_study.catalog.add(
            [NewImage(name, sha256, ".png", "malignant", 16, 16, kind="synthetic", run=of)], "drawn"
        )
    assert drawn_so_far(empty_study, run) == 40
