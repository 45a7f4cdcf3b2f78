"""Covering burned-in marks: nothing of a mark remains visible, no data is lost, and the user can undo it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from PIL.PngImagePlugin import PngInfo
from pulling import result_of

from busapp.engine import jobs
from busapp.engine.catalog import ImageRecord
from busapp.engine.curation import covering
from busapp.engine.curation.covering import cover_image, covered, suggest
from busapp.engine.events import Event, Progress, Skipped
from busapp.engine.images.preprocessing import read_image
from busapp.engine.settings import CoverSettings, CurateSettings, ImportSettings, JobSettings, ShareSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, NoSpace, NotEnoughImages, UnreadableImage

NAME_BOX = (8, 6, 150, 26)
"""Contains everything that `scan` writes."""


def scan(name: str = "", seed: int = 0) -> Image.Image:
    """Speckle of 256×192 pixels, with a name in the upper left corner."""
    noise = np.random.default_rng(seed).rayleigh(60, (192, 256)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1.2)).convert("RGB")
    if name:
        ImageDraw.Draw(picture).rectangle(NAME_BOX, fill="black")
        ImageDraw.Draw(picture).text((12, 10), name, fill="white")
    return picture


def run_job(workspace: Workspace, settings: JobSettings) -> list[Event]:
    return list(jobs.start(workspace, settings))


@pytest.fixture
def study(empty_study: Workspace, tmp_path: Path) -> Workspace:
    """Two images with a burned-in name, one without; all are checked."""
    folder = tmp_path / "scans" / "benign"
    folder.mkdir(parents=True)
    for file, name in (("1.png", "DOE JANE 1970"), ("2.png", "ROE RICHARD"), ("3.png", "")):
        scan(name, seed=ord(file[0])).save(folder / file)
    run_job(empty_study, ImportSettings(sources=(folder.parent,)))
    run_job(empty_study, CurateSettings())
    return empty_study


def content(workspace: Workspace, image: ImageRecord) -> Image.Image:
    return read_image(workspace.image_path(image))


def first(study: Workspace) -> ImageRecord:
    return study.catalog.images()[0]


def text_boxes(picture: Image.Image) -> list[tuple[int, int, int, int]]:
    return [mark.box for mark in suggest(picture) if mark.kind == "text"]


# -- pictures ---------------------------------------------------------------------------------------------


def test_black_covers_the_boxes_and_nothing_else() -> None:
    picture = scan()
    found = np.asarray(covered(picture, [(10, 20, 40, 50), (-5, -5, 3, 4), (250, 180, 900, 900)], "black"))
    expected = np.array(picture)
    expected[20:50, 10:40] = expected[:4, :3] = expected[180:, 250:] = 0
    assert (found == expected).all()


@pytest.mark.parametrize("fill", ["black", "surroundings"])
def test_nothing_that_was_covered_has_a_part_in_the_result(fill: covering.Fill) -> None:
    boxes = [(10, 20, 40, 50), (35, 45, 60, 60), (0, 0, 20, 8), (0, 100, 3, 100)]
    one, other = scan(), scan()
    for left, top, right, bottom in boxes:
        other.paste((255, 0, 90), (left, top, right, bottom))
    assert covered(one, boxes, fill).tobytes() == covered(other, boxes, fill).tobytes()


def test_a_slope_goes_on_through_what_is_filled_from_its_surroundings() -> None:
    slope = np.add.outer(np.arange(60), 2 * np.arange(80)).astype(np.uint8)
    picture = np.stack([slope, slope // 2, 255 - slope], axis=2)
    found = np.asarray(covered(Image.fromarray(picture), [(20, 10, 60, 40)], "surroundings"))
    # A plane solves Laplace's equation. Half of its values were rounded down.
    assert np.abs(found.astype(int) - picture).max() <= 1


def test_a_filled_area_is_never_brighter_or_darker_than_its_rim() -> None:
    picture = scan(seed=3)
    found = np.asarray(covered(picture, [(100, 80, 140, 110)], "surroundings"))[80:110, 100:140]
    rim = np.array(picture)[79:111, 99:141]
    rim = rim[np.pad(np.zeros((30, 40), bool), 1, constant_values=True)]
    assert rim.min() <= found.min() and found.max() <= rim.max()


def test_an_area_at_the_edge_takes_its_values_from_inside() -> None:
    picture = Image.new("RGB", (60, 60), (90, 80, 70))
    picture.paste((255, 255, 255), (0, 0, 30, 12))
    found = covered(picture, [(-10, -10, 30, 12)], "surroundings")
    assert found.getcolors() == [(3600, (90, 80, 70))]


@pytest.mark.parametrize("boxes", [[(0, 0, 256, 97)], [(0, 0, 10_000, 10_000)]])
def test_large_areas_are_not_made_up(boxes: list[covering.Box]) -> None:
    with pytest.raises(BadInput, match="black"):
        covered(scan(), boxes, "surroundings")


def test_no_metadata_and_no_transparency_is_handed_on() -> None:
    picture = scan("DOE JANE").convert("RGBA")
    picture.info.update(comment="DOE JANE", icc_profile=b"profile")
    found = covered(picture, [NAME_BOX], "black")
    assert (found.mode, found.info) == ("RGB", {})


# -- an image of the study ------------------------------------------------------------------------------------


def test_a_name_is_covered_and_the_imported_picture_stays(study: Workspace) -> None:
    before = first(study)
    imported = study.image_path(before).read_bytes()
    assert study.catalog.flags()[before.id] == ["text"]
    cover_image(study, before, text_boxes(content(study, before)), "black")
    image = first(study)
    assert image.id == before.id and image.original == before.sha256 != image.sha256
    left, top, right, bottom = NAME_BOX
    assert not np.asarray(content(study, image))[top + 3 : bottom - 4, left + 4 : right - 60].any()
    assert "text" not in study.catalog.flags().get(image.id, [])
    assert study.catalog.history()[0].what == "benign/1.png: 1 area covered"
    assert study.imported_path(image).read_bytes() == imported
    assert study.imported_path(before) == study.image_path(before)


def test_undo_brings_the_picture_and_its_flags_back_and_redo_covers_again(study: Workspace) -> None:
    before, flags = first(study), study.catalog.flags()
    cover_image(study, before, [NAME_BOX], "black")
    after = first(study)
    assert study.catalog.undo() == "benign/1.png: 1 area covered"
    assert (first(study), study.catalog.flags()) == (before, flags)
    study.catalog.redo()
    assert first(study) == after


def test_covering_a_covered_image_adds_to_it(study: Workspace) -> None:
    imported = first(study)
    cover_image(study, imported, [NAME_BOX], "black")
    cover_image(study, first(study), [(100, 100, 120, 120)], "black")
    image = first(study)
    expected = covered(content(study, imported), [NAME_BOX, (100, 100, 120, 120)], "black")
    assert content(study, image).tobytes() == expected.tobytes()
    assert image.original == imported.sha256
    assert not list(run_job(study, CurateSettings()))[-1].result["flags"].get(image.file)  # type: ignore[attr-defined]


def test_the_mask_the_class_and_the_group_stay(phantom_study: Workspace) -> None:
    before = next(image for image in phantom_study.catalog.images() if image.mask)
    cover_image(phantom_study, before, [(0, 0, 9, 9)], "black")
    after = phantom_study.catalog.image(before.id)
    assert after == before._replace(sha256=after.sha256, suffix=".png", original=before.sha256)


def test_a_covered_jpeg_is_kept_without_metadata_and_the_jpeg_is_found_again(
    empty_study: Workspace, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "DOE JANE"
    scan("DOE JANE").save(tmp_path / "a.jpg", exif=exif, comment=b"DOE JANE")
    png_info = PngInfo()
    png_info.add_text("Patient", "DOE JANE")
    scan("DOE JANE", seed=1).save(tmp_path / "b.png", pnginfo=png_info)
    run_job(empty_study, ImportSettings(sources=(tmp_path / "a.jpg", tmp_path / "b.png"), class_name="benign"))
    for image in empty_study.catalog.images():
        cover_image(empty_study, image, [NAME_BOX], "black")
    for image, file in zip(empty_study.catalog.images(), ("a.jpg", "b.png"), strict=True):
        stored = empty_study.image_path(image).read_bytes()
        assert b"DOE" not in stored and b"Exif" not in stored and b"tEXt" not in stored
        assert Image.open(io.BytesIO(stored)).format == "PNG"
        assert empty_study.imported_path(image).read_bytes() == (tmp_path / file).read_bytes()


def test_an_image_that_was_changed_meanwhile_stays_as_it_is(study: Workspace) -> None:
    seen = first(study)
    cover_image(study, seen, [NAME_BOX], "black")
    after = first(study)
    with pytest.raises(BadInput, match="meanwhile"):
        cover_image(study, seen, [(0, 0, 5, 5)], "black")
    assert first(study) == after


def test_a_picture_that_is_gone_and_a_full_disk_are_told_and_change_nothing(
    study: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, history = first(study), study.catalog.history()

    def full(*_: object) -> str:
        raise NoSpace("The disk is full")

    with monkeypatch.context() as patch, pytest.raises(NoSpace):
        patch.setattr(Workspace, "store_image", full)
        cover_image(study, before, [NAME_BOX], "black")
    study.image_path(before).unlink()
    with pytest.raises(UnreadableImage):
        cover_image(study, before, [NAME_BOX], "black")
    assert (first(study), study.catalog.history()) == (before, history)


def test_an_export_holds_nothing_of_what_was_covered(study: Workspace, tmp_path: Path) -> None:
    imported = {image.file: content(study, image) for image in study.catalog.images()}
    for image in study.catalog.images():
        cover_image(study, image, [NAME_BOX], "black")
    run_job(study, ShareSettings(out=tmp_path / "out"))
    exported = sorted((tmp_path / "out").rglob("*.png"))
    assert len(exported) == 3
    for path, (_, before) in zip(exported, sorted(imported.items()), strict=True):
        assert Image.open(path).convert("RGB").tobytes() == covered(before, [NAME_BOX], "black").tobytes()
    originals = {image.original for image in study.catalog.images()}
    told = "".join(path.read_text() for path in (tmp_path / "out").glob("*.*"))
    assert not any(str(original) in told for original in originals)


# -- many images -------------------------------------------------------------------------------------------


def test_the_text_of_all_flagged_images_is_covered_as_one_change(study: Workspace) -> None:
    before = study.catalog.images()
    events = run_job(study, CoverSettings())
    result = result_of(events)
    assert result == {"covered": 2, "areas": 2, "ids": [1, 2], "with_text": 0, "without_text": 0, "skipped": []}
    assert sum(isinstance(event, Progress) for event in events) >= 2
    assert study.catalog.history()[0].what == "Text covered in 2 images"
    assert study.catalog.flags() == {}
    covered_ones = [image for image in study.catalog.images() if image.original]
    assert [image.id for image in covered_ones] == [1, 2]
    for image in covered_ones:
        assert not text_boxes(content(study, image))
    assert study.catalog.undo() == "Text covered in 2 images"
    assert study.catalog.images() == before


def test_chosen_images_are_covered_and_those_without_text_are_counted(study: Workspace) -> None:
    result = result_of(run_job(study, CoverSettings(ids=(2, 3), fill="surroundings")))
    assert (result["ids"], result["without_text"]) == ([2], 1)
    assert [image.original is not None for image in study.catalog.images()] == [False, True, False]


def test_an_image_that_cannot_be_read_is_skipped_and_the_rest_goes_on(study: Workspace) -> None:
    study.image_path(first(study)).write_bytes(b"no picture")
    events = run_job(study, CoverSettings())
    skipped = [event for event in events if isinstance(event, Skipped)]
    assert [event.file for event in skipped] == ["benign/1.png"]
    assert result_of(events)["ids"] == [2] and len(result_of(events)["skipped"]) == 1  # type: ignore[arg-type]


def test_what_the_user_covers_meanwhile_is_not_undone_by_the_job(study: Workspace) -> None:
    job = jobs.start(study, CoverSettings())
    events = []
    for event in job:
        if isinstance(event, Progress) and event.done == 1:
            cover_image(study, first(study), [(0, 0, 256, 192)], "black")
        events.append(event)
    assert result_of(events)["ids"] == [2]
    assert [event.file for event in events if isinstance(event, Skipped)] == ["benign/1.png"]
    assert not np.asarray(content(study, first(study))).any()


def test_a_cancelled_job_changes_nothing(study: Workspace) -> None:
    before = study.catalog.images(), study.catalog.history()
    job = jobs.start(study, CoverSettings())
    for event in job:
        if isinstance(event, Progress) and event.done == 1:
            break
    job.close()
    assert (study.catalog.images(), study.catalog.history()) == before


def test_a_study_without_flagged_images_is_told_so(study: Workspace) -> None:
    run_job(study, CoverSettings())
    with pytest.raises(NotEnoughImages, match="text"):
        run_job(study, CoverSettings())


def test_the_sample_of_busi_has_no_text_left(busi_original: Path, empty_study: Workspace) -> None:
    """Real letters on real scans: after one pass no more text is found."""
    run_job(empty_study, ImportSettings(sources=(busi_original,)))
    ids = tuple(image.id for image in empty_study.catalog.images()[::2])
    result = result_of(run_job(empty_study, CoverSettings(ids=ids)))
    assert result["covered"] == len(result["ids"]) > 7  # type: ignore[arg-type]
    assert result["with_text"] == 0
