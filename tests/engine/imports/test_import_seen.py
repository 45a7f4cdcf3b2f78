"""Pictures come into a study as people see them, with their masks; what is there already never changes."""

import io
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from image_folders import imported, looked_at
from PIL import Image

from busapp.engine.catalog import ImageRecord, NewImage
from busapp.engine.images.preprocessing import Preprocessing, read_image
from busapp.engine.imports import storing
from busapp.engine.study.thumbnails import thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of

_Y, _X = np.mgrid[:36, :30]
UPRIGHT = np.stack([8 * _X, 7 * _Y, 0 * _X], axis=-1).astype(np.uint8)
LESION = (_X > 20) & (_Y < 9)
LYING = {1: (), 2: (1,), 3: (0, 1), 4: (0,)}
"""Axes along which the stored picture is mirrored."""


def lying(values: np.ndarray, orientation: int) -> np.ndarray:
    """The stored rows and columns of an upright picture."""
    if orientation in LYING:
        return np.flip(values, LYING[orientation])
    turned = np.rot90(values, 1 if orientation in (6, 7) else -1)
    return np.flip(turned, 1) if orientation in (5, 7) else turned


def save(path: Path, values: np.ndarray, orientation: int = 1, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    said = {} if orientation == 1 else {"tiffinfo": {274: orientation}} if path.suffix == ".tif" else {"exif": exif}
    Image.fromarray(np.ascontiguousarray(values)).save(path, **said, **options)
    return path


def mask(path: Path, inside: np.ndarray) -> None:
    Image.fromarray(np.ascontiguousarray(inside).astype(np.uint8) * 255).save(path)


def only(study: Workspace) -> ImageRecord:
    (image,) = study.catalog.images()
    return image


def joined(study: Workspace) -> np.ndarray | None:
    sha256 = only(study).mask
    return None if sha256 is None else np.asarray(Image.open(study.mask_path(sha256))) > 0


def assumed(result: dict) -> list[str]:
    return [finding["text"] for finding in result["findings"] if finding["kind"] == "assumed"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_picture_comes_in_upright_everywhere(
    empty_study: Workspace, tmp_path: Path, orientation: int, suffix: str
) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    save(tmp_path / "benign" / f"a{suffix}", lying(UPRIGHT, orientation), orientation, **options)
    result = imported(empty_study, tmp_path / "benign")
    image = only(empty_study)
    assert (image.file, image.width, image.height) == (f"benign/a{suffix}", 30, 36)
    seen = read_image(empty_study.image_path(image))
    assert np.array_equal(np.asarray(seen), UPRIGHT)
    assert np.array_equal(np.asarray(seen), np.asarray(Image.open(empty_study.image_path(image)).convert("RGB")))
    with Image.open(thumbnail_path(empty_study, image.sha256)) as thumbnail:
        assert thumbnail.height > thumbnail.width
    (pixels,) = Preprocessing(16).load([empty_study.image_path(image)])
    assert np.array_equal(pixels, Preprocessing(16).pixels(Image.fromarray(UPRIGHT)))
    said = "1 picture: turned upright, as the orientation in the file says."
    assert (said in assumed(result)) == (orientation != 1)


def test_a_plain_picture_is_kept_as_it_is(empty_study: Workspace, tmp_path: Path) -> None:
    path = save(tmp_path / "benign" / "a.jpg", UPRIGHT)
    imported(empty_study, tmp_path / "benign")
    assert empty_study.image_path(only(empty_study)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("drawn", ["upright", "as stored"])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_mask_follows_its_picture(
    empty_study: Workspace, tmp_path: Path, orientation: int, drawn: str, suffix: str
) -> None:
    save(tmp_path / "benign" / f"a{suffix}", lying(UPRIGHT, orientation), orientation)
    mask(tmp_path / "benign" / "a_mask.png", LESION if drawn == "upright" else lying(LESION, orientation))
    result = imported(empty_study, tmp_path / "benign")
    assert (result["masks"], result["skipped"]) == (1, [])
    assert np.array_equal(joined(empty_study), LESION)
    assert any("turned along" in text for text in assumed(result)) == (drawn == "as stored")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_that_says_its_orientation_is_turned_by_it(
    empty_study: Workspace, tmp_path: Path, orientation: int
) -> None:
    save(tmp_path / "benign" / "a.png", lying(UPRIGHT, 3), 3)
    save(tmp_path / "benign" / "a_mask.png", lying(LESION, orientation).astype(np.uint8) * 255, orientation)
    imported(empty_study, tmp_path / "benign")
    found = joined(empty_study)
    # Without an orientation it cannot be known which way up the mask is.
    assert found is None if orientation == 1 else np.array_equal(found, LESION)


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_a_mask_of_which_nobody_knows_the_way_up_is_left_out(
    empty_study: Workspace, tmp_path: Path, orientation: int
) -> None:
    save(tmp_path / "benign" / "a.png", lying(UPRIGHT, orientation), orientation)
    mask(tmp_path / "benign" / "a_mask.png", LESION)
    result = imported(empty_study, tmp_path / "benign")
    assert joined(empty_study) is None and result["imported"] == 1
    (left,) = result["skipped"]
    assert left["file"] == "benign/a_mask.png" and "cannot be known" in left["reason"]


def test_importing_again_changes_nothing(empty_study: Workspace, tmp_path: Path) -> None:
    save(tmp_path / "benign" / "a.png", lying(UPRIGHT, 6), 6)
    assert imported(empty_study, tmp_path / "benign")["imported"] == 1
    seen = looked_at(empty_study, tmp_path / "benign")
    assert (seen.counts, seen.already_present) == ({}, 1)
    result = imported(empty_study, tmp_path / "benign")
    assert (result["imported"], result["already_present"]) == (0, 1)
    mask(tmp_path / "benign" / "a_mask.png", LESION)
    assert looked_at(empty_study, tmp_path / "benign").masks == 1
    result = imported(empty_study, tmp_path / "benign")
    assert (result["already_present"], result["masks"]) == (1, 1)
    assert np.array_equal(joined(empty_study), LESION)


def test_a_lost_file_of_a_turned_picture_is_restored(empty_study: Workspace, tmp_path: Path) -> None:
    save(tmp_path / "benign" / "a.jpg", lying(UPRIGHT, 6), 6)
    imported(empty_study, tmp_path / "benign")
    stored = empty_study.image_path(only(empty_study))
    content = stored.read_bytes()
    stored.unlink()
    imported(empty_study, tmp_path / "benign")
    assert stored.read_bytes() == content


def old_study(study: Workspace, path: Path) -> bytes:
    """Add a picture as earlier versions did: its file as it is, in the size that it has lying."""
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        width, height = image.size
    study.store_image(content, path.suffix)
    addition = study.catalog.addition(lambda n: f"{n} imported")
    addition.add([NewImage(f"benign/{path.name}", sha256_of(content), path.suffix, "benign", width, height)])
    return content


def test_a_picture_of_an_earlier_version_stays_as_it_was(empty_study: Workspace, tmp_path: Path) -> None:
    path = save(tmp_path / "benign" / "a.jpg", lying(UPRIGHT, 6), 6, quality=100, subsampling=0)
    content = old_study(empty_study, path)
    mask(tmp_path / "benign" / "a_mask.png", LESION)
    before = only(empty_study)
    seen = read_image(empty_study.image_path(before))
    assert seen.size == (before.width, before.height) == (36, 30)
    assert looked_at(empty_study, tmp_path / "benign").already_present == 1
    result = imported(empty_study, tmp_path / "benign")
    assert (result["imported"], result["already_present"], result["masks"]) == (0, 1, 0)
    assert "An earlier version" in result["skipped"][0]["reason"]
    assert only(empty_study) == before
    assert empty_study.image_path(before).read_bytes() == content


def test_after_its_import_is_undone_it_comes_in_upright(empty_study: Workspace, tmp_path: Path) -> None:
    old_study(empty_study, save(tmp_path / "benign" / "a.jpg", lying(UPRIGHT, 6), 6))
    empty_study.catalog.undo()
    mask(tmp_path / "benign" / "a_mask.png", LESION)
    assert imported(empty_study, tmp_path / "benign")["masks"] == 1
    assert (only(empty_study).width, only(empty_study).height) == (30, 36)


def test_a_dicom_picture_of_an_earlier_version_does_not_come_in_twice(
    empty_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "benign").mkdir()
    (tmp_path / "benign" / "a.dcm").write_bytes(dicom_bytes(UPRIGHT[None, ..., 0], PixelSpacing=[0.4, 0.2]))
    imported(empty_study, tmp_path / "benign")
    assert only(empty_study).spacing_mm == 0.2 and only(empty_study).height == 72
    assert imported(empty_study, tmp_path / "benign")["already_present"] == 1
    # The earlier version made another PNG of it.
    monkeypatch.setattr(storing, "bare_png", lambda image: b"another")
    result = imported(empty_study, tmp_path / "benign")
    assert result["imported"] == 0 and "An earlier version" in result["skipped"][0]["reason"]


def test_other_corrections_are_counted_in_the_summary(empty_study: Workspace, tmp_path: Path) -> None:
    deep = (UPRIGHT[..., 0].astype(np.uint16) * 16) + np.arange(30, dtype=np.uint16)
    deep[0, 0] = 65535
    save(tmp_path / "benign" / "hot.png", deep)
    save(tmp_path / "benign" / "clear.png", np.dstack([UPRIGHT, np.zeros((36, 30), np.uint8)]))
    (tmp_path / "benign" / "ct.dcm").write_bytes(dicom_bytes(UPRIGHT[None, ..., 1], WindowCenter=500, WindowWidth=2000))
    said = assumed(imported(empty_study, tmp_path / "benign"))
    for words in ("a few pixels", "all of it is transparent", "without the file's window"):
        assert any(text.startswith("1 picture: ") and words in text for text in said), words
    for image in empty_study.catalog.images():
        assert np.asarray(read_image(empty_study.image_path(image))).max() > 200


@pytest.mark.parametrize(
    "suffix", [".webp", ".jfif", ".jpe", ".jif", ".pgm", ".ppm", ".pbm", ".pnm", ".JFIF", ".WebP", ".PGM"]
)
def test_more_endings_are_pictures(empty_study: Workspace, tmp_path: Path, suffix: str) -> None:
    kind = {".webp": "WEBP", ".pgm": "PPM", ".ppm": "PPM", ".pbm": "PPM", ".pnm": "PPM"}.get(suffix.lower(), "JPEG")
    mode = {".pgm": "L", ".pbm": "1"}.get(suffix.lower(), "RGB")
    (tmp_path / "benign").mkdir()
    Image.fromarray(UPRIGHT).convert(mode).save(tmp_path / "benign" / f"a{suffix}", kind)
    assert looked_at(empty_study, tmp_path / "benign").counts == {"benign": 1}
    assert imported(empty_study, tmp_path / "benign")["imported"] == 1
    assert read_image(empty_study.image_path(only(empty_study))).size == (30, 36)
