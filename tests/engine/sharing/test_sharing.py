"""An export has every image and mask to the pixel, and a table that describes them."""

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from pulling import result_of
from shared_images import files_of, imported, rows_of, shared

from busapp.cli import main
from busapp.engine.catalog import FoundPair
from busapp.engine.events import Note
from busapp.engine.images.preprocessing import read_image
from busapp.engine.sharing import bytes_per_pixel
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of


@pytest.mark.parametrize("layout", ["folders", "zip", "table"])
def test_busi_comes_back_as_it_was_masks_included(some_of_busi: Workspace, tmp_path: Path, layout: str) -> None:
    study, before = some_of_busi, some_of_busi.catalog.fingerprint()
    out = tmp_path / ("busi.zip" if layout == "zip" else "busi")
    result = result_of(shared(study, out, format="zip" if layout == "zip" else "folders"))
    assert result["counts"] == study.catalog.counts() == {"benign": 6, "malignant": 6, "normal": 5}
    assert result["masks"] == 17
    again = imported(out / "images.csv" if layout == "table" else out, tmp_path / "again")
    ours = {image.file: image for image in study.catalog.images()}
    theirs = {image.file: image for image in again.catalog.images()}
    assert ours.keys() == theirs.keys()
    for file, image in ours.items():
        assert theirs[file].mask == image.mask
        was, became = read_image(study.image_path(image)), read_image(again.image_path(theirs[file]))
        assert was.tobytes() == became.tobytes()
    assert study.catalog.fingerprint() == before
    again.close()


def test_a_zip_holds_what_the_folders_hold_and_the_same_study_gives_the_same_bytes(
    phantom_study: Workspace, tmp_path: Path
) -> None:
    shared(phantom_study, tmp_path / "folders")
    for number in (1, 2):
        shared(phantom_study, tmp_path / f"{number}.zip", format="zip")
        shared(phantom_study, tmp_path / f"coco{number}", format="coco")
    folders = files_of(tmp_path / "folders")
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == folders
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert files_of(tmp_path / "coco1") == files_of(tmp_path / "coco2")
    assert len(folders) == 24 + 24 + 2  # images, masks, the table and the description


def test_the_table_describes_every_file(phantom_study: Workspace, tmp_path: Path) -> None:
    result = result_of(shared(phantom_study, tmp_path / "out"))
    rows = rows_of(tmp_path / "out")
    files = files_of(tmp_path / "out")
    assert len(rows) == result["images"] == 24
    assert {row["file"] for row in rows} | {row["mask"] for row in rows if row["mask"]} | {
        "images.csv",
        "README.txt",
    } == files.keys()
    for row in rows:
        picture = Image.open(io.BytesIO(files[row["file"]]))
        assert (row["width"], row["height"]) == (str(picture.width), str(picture.height))
        assert row["sha256"] == sha256_of(files[row["file"]])
        assert row["class"] == row["file"].split("/")[0] and row["kind"] == "real"
    assert result["bytes"] == sum(len(content) for name, content in files.items() if name.endswith(".png"))


def test_groups_are_numbered_anew_and_told(phantom_study: Workspace, tmp_path: Path) -> None:
    ids = [image.id for image in phantom_study.catalog.images()]
    phantom_study.catalog.set_curation(ids, [FoundPair(ids[3], ids[9], 1.0, "looks alike")], {}, {})
    phantom_study.catalog.exclude([ids[0]], "poor image")
    result = result_of(shared(phantom_study, tmp_path / "out"))
    groups = [int(row["group"]) for row in rows_of(tmp_path / "out")]
    assert groups[2] == groups[8] == 3
    assert sorted(set(groups)) == list(range(1, 23)) and result["groups"] == 22
    readme = " ".join((tmp_path / "out/README.txt").read_text(encoding="utf-8").split())
    assert "Groups: 22. 1 of them have several images, 2 together" in readme and "NOT CHECKED" not in readme


def test_sites_and_devices_are_exported_and_counted(phantom_study: Workspace, tmp_path: Path) -> None:
    shared(phantom_study, tmp_path / "none")
    assert "Sites" not in (tmp_path / "none/README.txt").read_text(encoding="utf-8").replace("site (the hospital)", "")
    phantom_study.catalog.set_site([1, 2, 3], "Charité, Campus Mitte")
    phantom_study.catalog.set_device([1], "GE LOGIQ E9")
    shared(phantom_study, tmp_path / "out")
    rows = [(row["site"], row["device"]) for row in rows_of(tmp_path / "out")]
    assert rows[:4] == [("Charité, Campus Mitte", "GE LOGIQ E9"), *[("Charité, Campus Mitte", "")] * 2, ("", "")]
    readme = " ".join((tmp_path / "out/README.txt").read_text(encoding="utf-8").split())
    assert "Sites: not known 21, Charité, Campus Mitte 3." in readme
    assert "Devices: not known 23, GE LOGIQ E9 1." in readme


def test_what_nobody_looked_for_is_not_said_to_be_absent(phantom_study: Workspace, tmp_path: Path) -> None:
    ids = [image.id for image in phantom_study.catalog.images()]
    phantom_study.catalog.set_curation(ids[:20], [], {}, {})
    events = shared(phantom_study, tmp_path / "out")
    assert [event.text[:16] for event in events if isinstance(event, Note)] == ["4 of the images "]
    assert "NOT CHECKED: 4." in (tmp_path / "out/README.txt").read_text(encoding="utf-8")


def test_the_size_is_known_about_right_before(phantom_study: Workspace, tmp_path: Path) -> None:
    images = phantom_study.catalog.images()
    guess = bytes_per_pixel(phantom_study, images) * sum(image.width * image.height for image in images)
    result_of(shared(phantom_study, tmp_path / "out"))
    images_only = sum((tmp_path / "out" / row["file"]).stat().st_size for row in rows_of(tmp_path / "out"))
    assert guess == pytest.approx(images_only, rel=0.2)


def test_the_command_says_what_it_did(
    phantom_study: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.zip"
    arguments = ["share", str(out), "--format", "zip", "--workspace", str(phantom_study.root)]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "24 images exported" in said and "benign 8, malignant 8, normal 8" in said
    assert zipfile.is_zipfile(out)
    assert main(arguments) == 2
    assert "there already" in capsys.readouterr().err


def test_the_table_of_an_export_brings_sites_and_devices_back(phantom_study: Workspace, tmp_path: Path) -> None:
    phantom_study.catalog.set_site([1, 2, 3], "Charité, Campus Mitte")
    phantom_study.catalog.set_device([1], "GE LOGIQ E9")
    shared(phantom_study, tmp_path / "out")
    again = imported(tmp_path / "out/images.csv", tmp_path / "again")
    places = {image.file: (image.site, image.device) for image in phantom_study.catalog.images()}
    assert {image.file: (image.site, image.device) for image in again.catalog.images()} == places
    again.close()
