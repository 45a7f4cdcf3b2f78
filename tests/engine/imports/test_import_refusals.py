"""Files that an import skips, each with its reason, and sources that it refuses."""

import json
import os
import shutil
from pathlib import Path

import pytest
from image_folders import events_of, imported, looked_at, mask, picture
from pydantic import ValidationError

from busapp.engine.catalog import KnownImages
from busapp.engine.events import Skipped
from busapp.engine.imports.preview import preview
from busapp.engine.settings import ImportSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput


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
        preview(ImportSettings(sources=(folder.parent / "link",)), KnownImages())
    str(caught.value).encode()


def test_a_folder_of_nothing_but_such_names_says_so(tmp_path: Path) -> None:
    picture(tmp_path / "data" / "a.png").rename(not_text(tmp_path / "data", b"gutartig_\xe4.png"))
    with pytest.raises(BadInput, match="rename"):
        preview(ImportSettings(sources=(tmp_path / "data",)), KnownImages())


def test_images_beside_the_folders_of_classes_have_no_class(empty_study: Workspace, folder: Path) -> None:
    picture(folder / "cover.png", 7)
    result = imported(empty_study, folder)
    assert result["skipped"] == [
        {"file": "data/cover.png", "reason": "It lies beside the folders of classes, not in one"}
    ]
    assert result["counts"] == {"benign": 3, "malignant": 2}


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
        preview(ImportSettings(sources=(source,), class_name=class_name), KnownImages())
