"""Import of folders: imported images, skipped files with reasons, and the state after a kill."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from busapp.engine import jobs
from busapp.engine.events import Event, Finished, Note, Progress, Skipped
from busapp.engine.images.preprocessing import read_image
from busapp.engine.imports import job as importing
from busapp.engine.imports.preview import Preview, preview
from busapp.engine.settings import ImportSettings
from busapp.engine.study.thumbnails import mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (20, 16)) -> Path:
    """Write an image of noise, different for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], np.uint8)).save(path)
    return path


def mask(path: Path, inside: slice, value: int = 255, size: tuple[int, int] = (20, 16)) -> Path:
    """Write a mask whose lesion is some of its columns."""
    values = np.zeros(size[::-1], np.uint8)
    values[:, inside] = value
    Image.fromarray(values).save(path)
    return path


def events_of(workspace: Workspace, *sources: Path, class_name: str | None = None) -> list[Event]:
    return list(jobs.start(workspace, ImportSettings(sources=sources, class_name=class_name)))


def imported(workspace: Workspace, *sources: Path, class_name: str | None = None) -> dict:
    last = events_of(workspace, *sources, class_name=class_name)[-1]
    assert isinstance(last, Finished)
    return last.result


def looked_at(workspace: Workspace, *sources: Path, class_name: str | None = None) -> Preview:
    """The preview, not stopped by anything."""
    seen = preview(ImportSettings(sources=sources, class_name=class_name), workspace.catalog.known())
    assert seen is not None
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of three and two images, in a folder with other files."""
    for number in (1, 2, 10):
        picture(tmp_path / "data" / "benign" / f"benign ({number}).png", number)
    for number in (1, 2):
        picture(tmp_path / "data" / "Malignant " / f"m{number}.JPG", 100 + number)
    return tmp_path / "data"


def test_folders_are_classes_and_names_are_kept(empty_study: Workspace, folder: Path) -> None:
    result = imported(empty_study, folder)
    assert result == {
        "imported": 5,
        "already_present": 0,
        "skipped": [],
        "counts": {"benign": 3, "malignant": 2},
        "masks": 0,
        "patients": 0,
    }
    images = empty_study.catalog.images()
    assert [image.file for image in images if image.class_name == "benign"] == [
        "benign/benign (1).png",
        "benign/benign (2).png",
        "benign/benign (10).png",
    ]
    assert {image.file for image in images if image.class_name == "malignant"} == {
        "malignant/m1.JPG",
        "malignant/m2.JPG",
    }
    for image in images:
        assert (image.width, image.height, image.kind, image.mask) == (20, 16, "real", None)
        assert image.source == "data"  # only the folder's name: its full path may name a person


def test_importing_twice_adds_nothing(empty_study: Workspace, folder: Path) -> None:
    imported(empty_study, folder)
    again = imported(empty_study, folder)
    assert (again["imported"], again["already_present"]) == (0, 5)
    assert len(empty_study.catalog.history()) == 1


def test_one_undo_takes_the_whole_import_back_and_importing_brings_it_again(
    empty_study: Workspace, folder: Path
) -> None:
    imported(empty_study, folder)
    assert empty_study.catalog.undo() == "5 images imported"
    assert empty_study.catalog.images() == []
    assert imported(empty_study, folder)["imported"] == 5


def test_a_changed_file_of_a_known_name_is_a_new_image(empty_study: Workspace, folder: Path) -> None:
    imported(empty_study, folder)
    picture(folder / "benign" / "benign (1).png", seed=55)
    seen = looked_at(empty_study, folder)
    assert (seen.counts, seen.already_present) == ({"benign": 1}, 4)
    result = imported(empty_study, folder)
    assert (result["imported"], result["already_present"]) == (1, 4)


def test_a_folder_of_one_class_takes_its_name_or_the_given_one(empty_study: Workspace, folder: Path) -> None:
    assert imported(empty_study, folder / "benign")["counts"] == {"benign": 3}
    assert imported(empty_study, folder / "benign", class_name="Cyst")["counts"] == {"benign": 3, "cyst": 3}


def test_single_files_need_a_class(empty_study: Workspace, folder: Path) -> None:
    file = folder / "benign" / "benign (1).png"
    with pytest.raises(BadInput, match=r"benign \(1\)\.png.*--class"):
        imported(empty_study, file)
    assert imported(empty_study, file, class_name="benign")["counts"] == {"benign": 1}


def test_classes_are_found_inside_a_wrapping_folder(empty_study: Workspace, folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "download" / "Dataset_BUSI_with_GT")
    assert imported(empty_study, tmp_path / "download")["counts"] == {"benign": 3, "malignant": 2}


def test_the_same_file_from_two_sources_comes_in_once(empty_study: Workspace, folder: Path) -> None:
    assert imported(empty_study, folder, folder / "benign")["imported"] == 5


def test_masks_of_an_image_are_merged_into_one(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "benign" / "a.png")
    mask(tmp_path / "benign" / "a_mask.png", slice(0, 4))
    mask(tmp_path / "benign" / "a_MASK_1.PNG", slice(10, 12), value=1)
    assert looked_at(empty_study, tmp_path / "benign").masks == 2
    assert imported(empty_study, tmp_path / "benign")["imported"] == 1
    (image,) = empty_study.catalog.images()
    assert image.mask is not None
    merged = np.asarray(Image.open(empty_study.mask_path(image.mask)))
    expected = np.zeros((16, 20), bool)
    expected[:, :4] = expected[:, 10:12] = True
    np.testing.assert_array_equal(merged > 0, expected)


def test_an_empty_mask_stays_empty(empty_study: Workspace, tmp_path: Path) -> None:
    picture(tmp_path / "normal" / "a.png")
    mask(tmp_path / "normal" / "a_mask.png", slice(0, 0))
    imported(empty_study, tmp_path / "normal")
    (image,) = empty_study.catalog.images()
    assert image.mask is not None
    assert np.asarray(Image.open(empty_study.mask_path(image.mask))).max() == 0


def test_what_cannot_come_in_is_listed_and_the_rest_comes(empty_study: Workspace, folder: Path) -> None:
    benign = folder / "benign"
    (benign / "zero.png").touch()
    whole = (benign / "benign (1).png").read_bytes()
    (benign / "cut.png").write_bytes(whole[: len(whole) // 2])
    (benign / "notes.txt").write_text("notes")
    (benign / ".hidden.png").write_bytes(whole)
    for clutter in (".DS_Store", "Thumbs.db", "desktop.ini", "._benign (1).png"):
        (benign / clutter).write_bytes(b"clutter")
    mask(benign / "gone_mask.png", slice(0, 4))
    mask(benign / "benign (2)_mask.png", slice(0, 4), size=(10, 10))
    (benign / "benign (10)_mask.png").write_bytes(b"no mask")

    events = events_of(empty_study, folder)
    result = events[-1].result  # type: ignore[attr-defined]
    reasons = {left["file"]: left["reason"] for left in result["skipped"]}
    assert reasons == {
        "benign/zero.png": "The file is not a readable image",
        "benign/cut.png": "The file is not a readable image",
        "benign/notes.txt": "It is not an image",
        "benign/.hidden.png": "It is a hidden file",
        "benign/gone_mask.png": "It is a mask, and its image is missing",
        "benign/benign (2)_mask.png": "The mask is 10×10 pixels, its image 20×16",
        "benign/benign (10)_mask.png": "The file is not a readable image",
    }
    assert {event.file: event.reason for event in events if isinstance(event, Skipped)} == reasons
    assert result["counts"] == {"benign": 3, "malignant": 2}
    assert all(image.mask is None for image in empty_study.catalog.images())


def not_text(path: Path, name: bytes) -> Path:
    """The path of a file with a name in Latin-1, as old archives leave it."""
    named = path / os.fsdecode(name)
    try:
        named.touch()
    except (OSError, UnicodeError):
        pytest.skip("the file system refuses names that are not UTF-8")
    named.unlink()
    return named


def test_names_that_are_not_text_are_skipped_and_the_rest_comes(empty_study: Workspace, folder: Path) -> None:
    shutil.copy(folder / "benign" / "benign (1).png", not_text(folder / "benign", b"gutartig_\xe4.png"))
    shutil.copytree(folder / "benign", not_text(folder, b"gutartig_\xe4"))
    reason = "Its name is not valid text; rename it"
    expected = [("data/gutartig_\N{REPLACEMENT CHARACTER}", reason)]
    expected.append(("benign/gutartig_\N{REPLACEMENT CHARACTER}.png", reason))
    seen = looked_at(empty_study, folder)
    assert [(left.file, left.reason) for left in seen.skipped] == expected
    result = imported(empty_study, folder)
    assert [(left["file"], left["reason"]) for left in result["skipped"]] == expected
    assert result["counts"] == seen.counts == {"benign": 3, "malignant": 2}
    json.dumps(result, ensure_ascii=False).encode()


def test_a_source_whose_name_is_not_text_is_bad_input(folder: Path) -> None:
    source = not_text(folder, b"gutartig_\xe4")
    shutil.copytree(folder / "benign", source)
    with pytest.raises(ValidationError, match="not valid text"):
        ImportSettings(sources=(source,))
    (folder.parent / "link").symlink_to(source)
    with pytest.raises(BadInput, match="not valid text") as caught:
        preview(ImportSettings(sources=(folder.parent / "link",)), {})
    str(caught.value).encode()


def test_a_folder_of_nothing_but_such_names_says_so(tmp_path: Path) -> None:
    picture(tmp_path / "data" / "a.png").rename(not_text(tmp_path / "data", b"gutartig_\xe4.png"))
    with pytest.raises(BadInput, match="rename"):
        preview(ImportSettings(sources=(tmp_path / "data",)), {})


def test_images_beside_the_folders_of_classes_have_no_class(empty_study: Workspace, folder: Path) -> None:
    picture(folder / "cover.png", 7)
    result = imported(empty_study, folder)
    assert result["skipped"] == [
        {"file": "data/cover.png", "reason": "It lies beside the folders of classes, not in one"}
    ]
    assert result["counts"] == {"benign": 3, "malignant": 2}


def test_the_preview_says_what_the_import_then_does(empty_study: Workspace, folder: Path) -> None:
    (folder / "benign" / "zero.png").touch()
    mask(folder / "benign" / "benign (1)_mask.png", slice(0, 4))
    seen = looked_at(empty_study, folder)
    assert empty_study.catalog.images() == [] and not (empty_study.root / "images").exists()
    result = imported(empty_study, folder)
    assert seen.counts == result["counts"]
    assert seen.masks == 1
    assert [left.file for left in seen.skipped] == [left["file"] for left in result["skipped"]]
    assert looked_at(empty_study, folder).already_present == 5


@pytest.mark.parametrize(
    ("make", "class_name", "sentence"),
    [
        (lambda path: None, None, "no such file or folder"),
        (lambda path: path.mkdir(), None, "no images in the folder"),
        (lambda path: (path / "benign").mkdir(parents=True), None, "no images in the folder"),
        (lambda path: path.write_text("text"), "benign", "not an image"),
        (lambda path: picture(path / "a.png"), " ", "name of a class"),
        (lambda path: picture(path / "a.png"), "../up", "name of a class"),
    ],
)
def test_bad_input_names_the_source_and_changes_nothing(
    empty_study: Workspace, tmp_path: Path, make: object, class_name: str | None, sentence: str
) -> None:
    source = tmp_path / "source"
    make(source)  # type: ignore[operator]
    with pytest.raises(BadInput, match=sentence) as caught:
        imported(empty_study, source, class_name=class_name)
    assert caught.value.file and caught.value.remedy
    assert empty_study.catalog.images() == []
    with pytest.raises(BadInput, match=sentence):
        preview(ImportSettings(sources=(source,), class_name=class_name), {})


def test_a_cancelled_import_leaves_the_dataset_as_it_was(empty_study: Workspace, folder: Path) -> None:
    job = jobs.start(empty_study, ImportSettings(sources=(folder,)))
    for event in job:
        if isinstance(event, Progress) and event.done == 3:
            break
    job.close()
    assert empty_study.catalog.images() == []
    assert imported(empty_study, folder)["imported"] == 5


def test_a_cancelled_import_takes_back_what_the_catalog_had_already(
    phantom_study: Workspace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_BATCH", 2)
    before = phantom_study.catalog.fingerprint(), phantom_study.catalog.history()
    job = jobs.start(phantom_study, ImportSettings(sources=(folder,)))
    for event in job:
        if isinstance(event, Progress) and event.done == 5:
            break
    assert len(phantom_study.catalog.images()) > 24
    job.close()
    assert (phantom_study.catalog.fingerprint(), phantom_study.catalog.history()) == before
    assert imported(phantom_study, folder)["imported"] == 5


def test_torn_files_of_a_killed_import_are_removed_by_the_next(empty_study: Workspace, folder: Path) -> None:
    torn = empty_study.root / "images" / "ab" / f".{'ab' * 32}.png.{'0' * 32}"
    mine = empty_study.root / "images" / "ab" / ".keep"
    torn.parent.mkdir(parents=True)
    torn.touch()
    mine.touch()
    other = empty_study.new_run("synthesize", {})
    other.info.state = "running"
    other.save()
    with other.lock():
        imported(empty_study, folder)
        assert torn.exists()  # another process may be writing it
    imported(empty_study, folder)
    assert not torn.exists() and mine.exists()


def test_a_mask_that_comes_later_is_joined_to_its_image(empty_study: Workspace, folder: Path) -> None:
    imported(empty_study, folder)
    mask(folder / "benign" / "benign (1)_mask.png", slice(0, 4))
    seen = looked_at(empty_study, folder)
    assert (seen.counts, seen.already_present, seen.masks) == ({}, 5, 1)
    result = imported(empty_study, folder)
    assert (result["imported"], result["already_present"], result["masks"]) == (0, 5, 1)
    assert [image.file for image in empty_study.catalog.images() if image.mask] == ["benign/benign (1).png"]
    assert looked_at(empty_study, folder).masks == imported(empty_study, folder)["masks"] == 0
    assert empty_study.catalog.undo() == "1 mask joined to images that were there without"
    assert not any(image.mask for image in empty_study.catalog.images())


def test_the_same_picture_of_the_same_name_in_two_folders_comes_in_once(empty_study: Workspace, folder: Path) -> None:
    shutil.copytree(folder / "benign", folder / "test" / "benign")
    result = imported(empty_study, folder)
    assert (result["imported"], result["already_present"]) == (5, 3)


def test_small_pictures_are_made_on_the_way(empty_study: Workspace, folder: Path) -> None:
    mask(folder / "benign" / "benign (1)_mask.png", slice(0, 4))
    imported(empty_study, folder)
    images = empty_study.catalog.images()
    assert all(read_image(thumbnail_path(empty_study, image.sha256)).size == (20, 16) for image in images)
    assert images[0].mask is not None and mask_thumbnail_path(empty_study, images[0].mask).exists()


def test_the_catalog_can_be_read_and_changed_during_an_import(phantom_study: Workspace, folder: Path) -> None:
    job = jobs.start(phantom_study, ImportSettings(sources=(folder,)))
    window = Workspace.open(phantom_study.root)
    for event in job:
        if isinstance(event, Progress):
            assert window.catalog.counts()["normal"] == 8
        if isinstance(event, Progress) and event.done == 2:
            window.catalog.exclude([1], "callipers")
    assert window.catalog.counts(with_excluded=True) == {"benign": 11, "malignant": 10, "normal": 8}
    assert window.catalog.images()[0].excluded == "callipers"
    window.close()


def test_phantoms_come_with_their_masks(phantom_study: Workspace) -> None:
    images = phantom_study.catalog.images()
    assert phantom_study.catalog.counts() == {"benign": 8, "malignant": 8, "normal": 8}
    assert all(image.mask for image in images)


@pytest.mark.busi
def test_busi_is_780_images(empty_study: Workspace, busi_256: Path) -> None:
    counts = {"benign": 437, "malignant": 210, "normal": 133}
    assert looked_at(empty_study, busi_256).counts == counts
    result = imported(empty_study, busi_256)
    assert (result["imported"], result["already_present"], result["skipped"], result["counts"]) == (780, 0, [], counts)
    again = imported(empty_study, busi_256)
    assert (again["imported"], again["already_present"], again["counts"]) == (0, 780, counts)


def test_busi_as_downloaded_joins_its_masks(empty_study: Workspace, busi_original: Path) -> None:
    result = imported(empty_study, busi_original)
    assert (result["imported"], result["masks"], result["skipped"]) == (59, 60, [])  # benign (25) has two
    for image in empty_study.catalog.images():
        assert image.mask is not None
        merged = np.asarray(Image.open(empty_study.mask_path(image.mask)))
        assert merged.shape == (image.height, image.width)
        assert (merged.max() > 0) == (image.class_name != "normal")


@pytest.mark.parametrize("after", [0, 1, 5, 15])
def test_a_preview_stops_when_it_is_told_to(phantom_folder: Path, after: int) -> None:
    answers = iter([False] * after + [True])
    assert preview(ImportSettings(sources=(phantom_folder,)), {}, lambda: next(answers)) is None
    assert next(answers, None) is None  # nor was it called again


@pytest.mark.parametrize("damage", ["deleted", "emptied"])
def test_importing_again_makes_a_lost_stored_file_whole(
    empty_study: Workspace, phantom_folder: Path, damage: str
) -> None:
    settings = ImportSettings(sources=(phantom_folder,))
    list(jobs.start(empty_study, settings))
    image = empty_study.catalog.images()[3]
    stored = empty_study.image_path(image)
    content = stored.read_bytes()
    if damage == "deleted":
        stored.unlink()
    else:
        stored.write_bytes(b"")
    events = list(jobs.start(empty_study, settings))
    assert stored.read_bytes() == content
    told = "1 image of the study had lost its stored file or a part of it. This import restored it."
    assert Note(told) in events
    assert len(empty_study.catalog.history()) == 1
