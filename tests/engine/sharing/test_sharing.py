"""An export has every image and mask to the pixel, and nothing that names a patient."""

import csv
import errno
import io
import json
import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pulling import result_of

from busapp.cli import main
from busapp.engine import jobs
from busapp.engine.catalog import Cover, FoundPair, NewImage
from busapp.engine.events import Event, Note, Progress, Skipped
from busapp.engine.gan.drawing import DrawnImage, write_drawn
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.images.preprocessing import decode, read_image
from busapp.engine.settings import ImportSettings, ShareSettings, SynthesizeSettings
from busapp.engine.sharing import bytes_per_pixel, target_of
from busapp.engine.sharing.coco import regions
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name, sha256_of
from busapp.errors import BadInput, NoSpace, NotEnoughImages


def shared(workspace: Workspace, out: Path, **settings: Any) -> list[Event]:
    return list(jobs.start(workspace, ShareSettings(out=out, **settings)))


def rows_of(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "images.csv").read_text(encoding="utf-8"))))


def files_of(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def opened(path: Path) -> Image.Image:
    """A stored PNG, decoded."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def added(workspace: Workspace, file: str, class_name: str, content: bytes, **fields: Any) -> int:
    """Add an image to the catalog as an import does, and return its id."""
    suffix = Path(file).suffix
    picture = decode(content, file=file)
    sha256 = workspace.store_image(content, suffix)
    new = NewImage(file, sha256, suffix, class_name, picture.width, picture.height, **fields)
    workspace.catalog.add([new], "1 image imported")
    return workspace.catalog.images()[-1].id


def speckle(seed: int, size: tuple[int, int] = (24, 16)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], dtype=np.uint8))


def chunks_of(png: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append(png[at + 4 : at + 8])
        at += 12 + length
    return found


def imported(source: Path, root: Path) -> Workspace:
    workspace = Workspace.create(root)
    list(jobs.start(workspace, ImportSettings(sources=(source,))))
    return workspace


@pytest.fixture(scope="module")
def some_of_busi(busi_original: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A study of 17 images at their original size with their masks, one of them from two files. Not to be changed."""
    folder = tmp_path_factory.mktemp("busi")
    names = ["benign (25)", "malignant (1)", *(path.stem for path in sorted(busi_original.glob("*/*).png"))[::4])]
    for path in busi_original.glob("*/*.png"):
        if path.stem.partition("_mask")[0] in names:
            (folder / "source" / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / "source" / path.parent.name)
    workspace = imported(folder / "source", folder / "study")
    yield workspace
    workspace.close()


# -- there and back ------------------------------------------------------------------------------------------


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


# -- nothing that names a patient ----------------------------------------------------------------------------


def test_no_tag_no_name_and_no_hash_of_a_patient_travels(empty_study: Workspace, tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("PatientName", "MUELLER^ANNA")
    exif = Image.Exif()
    exif[0x010E] = "MUELLER ANNA 1960"
    profile = b"MUELLER profile" * 20
    from_folder = {"source": "/clinic/MUELLER_ANNA", "spacing_mm": 0.125}
    hashes = ["ab" * 32, "cd" * 32]
    grey, colour = speckle(1), Image.merge("RGB", [speckle(seed) for seed in (2, 3, 4)])
    contents = {
        "a.png": encoded(grey, pnginfo=text, icc_profile=profile, dpi=(72, 72), exif=exif),
        "b.jpg": encoded(colour, "JPEG", exif=exif, comment=b"MUELLER", icc_profile=profile),
        "c.tif": encoded(grey.convert("RGB"), "TIFF", description="MUELLER ANNA"),
    }
    for (name, content), patient in zip(contents.items(), [hashes[1], hashes[0], hashes[1]], strict=True):
        added(empty_study, f"benign/{name}", "benign", content, patient=patient, **from_folder)
    for layout in ("folders", "coco"):
        result = result_of(shared(empty_study, tmp_path / layout, format=layout))
        files = files_of(tmp_path / layout)
        for content in files.values():
            assert b"MUELLER" not in content and b"clinic" not in content
            assert not any(patient.encode() in content for patient in hashes)
        for name, content in files.items():
            if name.endswith(".png"):
                assert set(chunks_of(content)) == {b"IHDR", b"IDAT", b"IEND"}
        assert [row["patient"] for row in rows_of(tmp_path / layout)] == ["P0001", "P0002", "P0001"]
        assert {row["spacing_mm"] for row in rows_of(tmp_path / layout)} == {"0.125"}
        assert result["patients"] == 2
    pictures = [opened(tmp_path / "folders" / row["file"]) for row in rows_of(tmp_path / "folders")]
    assert [picture.mode for picture in pictures] == ["L", "RGB", "L"]
    assert pictures[0].tobytes() == grey.tobytes()


def test_file_names_can_be_left_behind_and_whoever_keeps_them_is_warned(empty_study: Workspace, tmp_path: Path) -> None:
    for number in range(2):
        name = f"malignant/MUELLER ANNA {number}.png"
        added(empty_study, name, "malignant", encoded(speckle(number)), patient="ab" * 32)
    events = shared(empty_study, tmp_path / "kept")
    assert any(isinstance(event, Note) and "new names" in event.text for event in events)
    events = shared(empty_study, tmp_path / "new", new_names=True)
    assert not any(isinstance(event, Note) and "new names" in event.text for event in events)
    assert [row["file"] for row in rows_of(tmp_path / "new")] == [
        "malignant/malignant 0001.png",
        "malignant/malignant 0002.png",
    ]
    assert not any(b"MUELLER" in name.encode() + content for name, content in files_of(tmp_path / "new").items())


def test_text_burned_in_is_told_before_and_in_the_description(phantom_study: Workspace, tmp_path: Path) -> None:
    images = phantom_study.catalog.images()
    flags = {images[0].id: ["blur", "text"], images[5].id: ["text"], images[7].id: ["colour"]}
    phantom_study.catalog.set_curation([image.id for image in images], [], flags, {})
    events = shared(phantom_study, tmp_path / "out")
    assert [event.text[:16] for event in events if isinstance(event, Note)] == ["2 of the images "]
    assert result_of(events)["with_text"] == 2
    assert "TEXT IN THE PICTURE: 2." in (tmp_path / "out/README.txt").read_text(encoding="utf-8")
    assert [row["flags"] for row in rows_of(tmp_path / "out")][:8] == ["blur text", *[""] * 4, "text", "", "colour"]


# -- what is chosen, and how it is marked --------------------------------------------------------------------


def test_synthetic_images_and_those_set_aside_stay_out_or_lie_apart(phantom_study: Workspace, tmp_path: Path) -> None:
    run = phantom_study.new_run("synthesize", {"preset": "quick", "class_name": "normal"})
    added(phantom_study, "synthetic/normal/1.png", "normal", encoded(speckle(1)), kind="synthetic", run=run.id)
    gone = added(phantom_study, "synthetic/normal/2.png", "normal", encoded(speckle(2)), kind="synthetic", run="lost")
    images = phantom_study.catalog.images()
    phantom_study.catalog.exclude([images[0].id, gone], "poor, blurred")

    result = result_of(shared(phantom_study, tmp_path / "plain"))
    assert (result["images"], result["left_set_aside"], result["left_synthetic"]) == (23, 1, 2)
    assert result["counts"] == phantom_study.catalog.counts()
    readme = (tmp_path / "plain/README.txt").read_text(encoding="utf-8")
    assert "Left out: 1 set aside, 2 synthetic." in readme and "SYNTHETIC" not in readme
    assert {path.name for path in (tmp_path / "plain").iterdir() if path.is_dir()} == {"benign", "malignant", "normal"}

    result = result_of(shared(phantom_study, tmp_path / "all", synthetic=True, set_aside=True))
    assert (result["images"], result["synthetic"], result["set_aside"]) == (26, 2, 2)
    assert result["counts"] == phantom_study.catalog.counts()
    rows = {row["file"]: row for row in rows_of(tmp_path / "all")}
    drawn = rows["synthetic/normal (synthetic)/1.png"]
    assert (drawn["kind"], drawn["run"], drawn["preset"], drawn["set_aside"]) == ("synthetic", run.id, "quick", "")
    lost = rows["set-aside/synthetic/normal (set-aside, synthetic)/2.png"]
    assert (lost["run"], lost["preset"], lost["set_aside"]) == ("lost", "", "poor, blurred")
    assert rows[f"set-aside/benign (set-aside)/{Path(images[0].file).name}"]["kind"] == "real"
    readme = (tmp_path / "all/README.txt").read_text(encoding="utf-8")
    assert "SYNTHETIC IMAGES: 2." in readme and "Set aside: 2." in readme and "simulated phantoms" in readme

    again = imported(tmp_path / "all", tmp_path / "again")
    own = {name: count for name, count in again.catalog.counts().items() if "(" not in name}
    assert own == phantom_study.catalog.counts()  # no synthetic image comes back as a real one of its class
    again.close()


@pytest.fixture
def drawn(phantom_study: Workspace) -> Run:
    """A generator's run that drew two images, the first near benign (1), the second near malignant (1)."""
    settings = {"preset": "quick", "class_name": "normal", "epochs": 150}
    run = phantom_study.new_run("synthesize", settings)
    trained = SynthesizeSettings.model_validate(settings)
    GeneratorRecord(run.folder, "normal", frozenset("abcde"), trained).save()
    rows = []
    for number, near in enumerate((0, 8), start=1):
        name = f"synthetic/normal/{run.id}-{number:04d}.png"
        added(phantom_study, name, "normal", encoded(speckle(number)), kind="synthetic", run=run.id)
        image, real = phantom_study.catalog.images()[-1], phantom_study.catalog.images()[near]
        rows.append(DrawnImage(number, name, image.sha256, real.file, real.sha256, 0.61849, False, False))
    write_drawn(run.folder, rows)
    return run


def test_images_of_one_run_go_out_alone_with_their_provenance(
    phantom_study: Workspace, drawn: Run, tmp_path: Path
) -> None:
    added(phantom_study, "synthetic/normal/other.png", "normal", encoded(speckle(9)), kind="synthetic", run="other")
    result = result_of(shared(phantom_study, tmp_path / "out", run=drawn.id))
    assert (result["images"], result["synthetic"], result["counts"]) == (2, 2, {})
    rows = rows_of(tmp_path / "out")
    names = ("run", "class", "preset", "epochs", "n_trained_on", "correlation", "set_aside")
    assert [[row[name] for name in names] for row in rows] == [
        [drawn.id, "normal", "quick", "150", "5", "0.618", ""]
    ] * 2
    assert [row["nearest"] for row in rows] == [
        "not exported: phantom benign (1)",
        "not exported: phantom malignant (1)",
    ]

    shared(phantom_study, tmp_path / "anew", run=drawn.id, new_names=True)
    assert [row["nearest"] for row in rows_of(tmp_path / "anew")] == ["not exported 1", "not exported 2"]

    unfit = phantom_study.catalog.images(run=drawn.id)
    phantom_study.catalog.exclude([image.id for image in unfit], "unfit")
    with pytest.raises(NotEnoughImages, match="No image that this run drew is in use"):
        shared(phantom_study, tmp_path / "none", run=drawn.id)
    shared(phantom_study, tmp_path / "unfit", run=drawn.id, set_aside=True)
    assert [row["set_aside"] for row in rows_of(tmp_path / "unfit")] == ["unfit"] * 2


def test_the_nearest_image_is_named_as_the_export_names_it(
    phantom_study: Workspace, drawn: Run, tmp_path: Path
) -> None:
    for new_names in (False, True):
        out = tmp_path / str(new_names)
        shared(phantom_study, out, synthetic=True, new_names=new_names)
        rows = rows_of(out)
        by_run = [row for row in rows if row["run"] == drawn.id]
        assert [row["nearest"] for row in by_run] == [rows[0]["file"], rows[8]["file"]]
        assert all((out / row["nearest"]).exists() for row in by_run)
        assert {row["nearest"] for row in rows if row["kind"] == "real"} == {""}


def test_where_it_is_not_known_which_image_is_nearest_the_export_says_nothing(
    phantom_study: Workspace, drawn: Run, tmp_path: Path
) -> None:
    (drawn.folder / "drawn.csv").write_text("number\nmany\n", encoding="utf-8")
    events = shared(phantom_study, tmp_path / "damaged", run=drawn.id)
    assert [(row["nearest"], row["correlation"]) for row in rows_of(tmp_path / "damaged")] == [("", "")] * 2
    [said] = [event.text for event in events if isinstance(event, Note) and "nearest" in event.text]
    assert "The list of drawn images cannot be read" in said and "drawn.csv" in said

    (drawn.folder / "drawn.csv").unlink()
    events = shared(phantom_study, tmp_path / "older", run=drawn.id)
    assert [row["nearest"] for row in rows_of(tmp_path / "older")] == [""] * 2
    assert not [event for event in events if isinstance(event, Note) and "nearest" in event.text]


def test_the_nearest_image_of_a_covered_one_is_named(phantom_study: Workspace, drawn: Run, tmp_path: Path) -> None:
    image = phantom_study.catalog.images(run=drawn.id)[0]
    sha256 = phantom_study.store_image(encoded(speckle(77)), ".png")
    phantom_study.catalog.cover([Cover(image, sha256, ".png", [])], str)
    shared(phantom_study, tmp_path / "out", run=drawn.id)
    assert rows_of(tmp_path / "out")[0]["nearest"] == "not exported: phantom benign (1)"


def test_synthetic_images_do_not_come_back_as_real_ones_by_the_table(phantom_study: Workspace, tmp_path: Path) -> None:
    added(phantom_study, "benign/drawn.png", "benign", encoded(speckle(1)), kind="synthetic", run="r")
    phantom_study.catalog.exclude([phantom_study.catalog.images()[0].id], "poor image")
    shared(phantom_study, tmp_path / "out", synthetic=True, set_aside=True)
    back = imported(tmp_path / "out" / "images.csv", tmp_path / "back")
    assert back.catalog.counts("real", with_excluded=True) == {"benign": 7, "malignant": 8, "normal": 8}
    back.close()


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


def test_what_nobody_looked_for_is_not_said_to_be_absent(phantom_study: Workspace, tmp_path: Path) -> None:
    ids = [image.id for image in phantom_study.catalog.images()]
    phantom_study.catalog.set_curation(ids[:20], [], {}, {})
    events = shared(phantom_study, tmp_path / "out")
    assert [event.text[:16] for event in events if isinstance(event, Note)] == ["4 of the images "]
    assert "NOT CHECKED: 4." in (tmp_path / "out/README.txt").read_text(encoding="utf-8")


# -- COCO ----------------------------------------------------------------------------------------------------


def decoded(segmentation: dict[str, Any]) -> npt.NDArray[np.bool_]:
    """A decoder that follows the format's description, one run after the other."""
    height, width = segmentation["size"]
    values: list[bool] = []
    for number, count in enumerate(segmentation["counts"]):
        values += [number % 2 == 1] * count
    assert len(values) == height * width
    return np.array([[values[x * height + y] for x in range(width)] for y in range(height)])


@pytest.mark.parametrize(
    ("drawing", "areas"),
    [
        (["....", ".##.", ".##."], [4]),
        (["#..#", "....", "#..#"], [1, 1, 1, 1]),
        (["####", "#..#", "####"], [10]),
        (["####", "####"], [8]),
        (["#.", ".#"], [2]),
        (["#.#", "#.#"], [2, 2]),
        (["....", "...."], []),
    ],
)
def test_run_lengths_hold_each_region_of_a_mask(drawing: list[str], areas: list[int]) -> None:
    mask = np.array([[c == "#" for c in line] for line in drawing])
    found = regions(mask)
    assert [region["area"] for region in found] == areas
    union = np.zeros_like(mask)
    for region in found:
        inside = decoded(region["segmentation"])
        rows, columns = np.nonzero(inside)
        box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        assert region["bbox"] == box and region["area"] == inside.sum() and region["iscrowd"] == 0
        assert not (union & inside).any()
        union |= inside
    assert (union == mask).all()


def test_coco_names_every_image_and_holds_every_mask(some_of_busi: Workspace, tmp_path: Path) -> None:
    shared(some_of_busi, tmp_path / "out", format="coco")
    described = json.loads((tmp_path / "out/annotations.json").read_text(encoding="utf-8"))
    categories = {category["id"]: category["name"] for category in described["categories"]}
    assert categories == {1: "benign", 2: "malignant", 3: "normal"}
    assert [image["id"] for image in described["images"]] == list(range(1, 18))
    assert [found["id"] for found in described["annotations"]] == list(range(1, len(described["annotations"]) + 1))
    for image in described["images"]:
        picture = opened(tmp_path / "out/images" / image["file_name"])
        assert picture.size == (image["width"], image["height"])
        assert categories[image["category_id"]] == image["class"] == image["file_name"].split("/")[0]
    of_image = {image["id"]: image for image in described["images"]}
    for one in (1, 7, 17):  # the decoder above is simple and slow
        mask = np.asarray(opened(tmp_path / "out" / of_image[one]["mask"])) > 0
        found = [annotation for annotation in described["annotations"] if annotation["image_id"] == one]
        assert {annotation["category_id"] for annotation in found} <= {of_image[one]["category_id"]}
        union = sum((decoded(annotation["segmentation"]) for annotation in found), np.zeros_like(mask))
        assert (union == mask).all()
    assert all(of_image[annotation["image_id"]]["class"] != "normal" for annotation in described["annotations"])


# -- names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("benign (1)", "benign (1)"),
        ("BI-RADS 4/5", "BI-RADS 4_5"),
        ('a<b>c:d"e|f?g*h\\i', "a_b_c_d_e_f_g_h_i"),
        ("con", "_con"),
        ("LPT1.old", "_LPT1.old"),
        ("console", "console"),
        (".hidden", "hidden"),
        ("ends. ", "ends"),
        ("...", "_"),
        ("a\nb\u202ec\x00d", "a_b_c_d"),
        ("Ma\u0308dchen", "Mädchen"),
        ("ü" * 80, "ü" * 50),
        ("超音波", "超音波"),
    ],
)
def test_names_that_every_system_takes(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_no_two_files_have_one_name_and_no_image_is_taken_for_a_mask(empty_study: Workspace, tmp_path: Path) -> None:
    names = ["a/x.png", "b/X.jpg", "b/x.tif", "b/x-2.png", "b/aux.png", "b/lesion_mask.png"]
    for number, name in enumerate(names):
        kind = {".png": "PNG", ".jpg": "JPEG", ".tif": "TIFF"}[Path(name).suffix]
        added(empty_study, name, "Axilla", encoded(speckle(number), kind))
    for number, class_name in enumerate(["axilla", "synthetic", "con"]):
        added(empty_study, "c/x.png", class_name, encoded(speckle(10 + number)))
    shared(empty_study, tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert [row["file"] for row in rows] == [
        "Axilla/x.png",
        "Axilla/X-2.png",
        "Axilla/x-3.png",
        "Axilla/x-2-2.png",
        "Axilla/_aux.png",
        "Axilla/lesion_mask-image.png",
        "axilla-2/x.png",
        "synthetic-2/x.png",
        "_con/x.png",
    ]
    assert [row["class"] for row in rows[-3:]] == ["axilla", "synthetic", "con"]
    again = imported(tmp_path / "out", tmp_path / "again")
    assert sum(again.catalog.counts().values()) == len(rows)
    again.close()


# -- what goes wrong -----------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(phantom_study: Workspace, tmp_path: Path) -> None:
    images = phantom_study.catalog.images()
    torn = phantom_study.image_path(images[2])
    torn.write_bytes(torn.read_bytes()[:100])
    assert images[4].mask is not None
    phantom_study.mask_path(images[4].mask).unlink()
    events = shared(phantom_study, tmp_path / "out")
    skipped = [event for event in events if isinstance(event, Skipped)]
    assert [event.file for event in skipped] == [images[2].file, images[4].file]
    assert "mask" in skipped[1].reason
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 23 and next(row for row in rows if row["file"] == images[4].file)["mask"] == ""
    assert [int(row["group"]) for row in rows] == list(range(1, 24))
    assert "2 not readable" in (tmp_path / "out/README.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("layout", ["folders", "coco", "zip"])
def test_a_cancelled_export_leaves_nothing(phantom_study: Workspace, tmp_path: Path, layout: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    job = jobs.start(phantom_study, ShareSettings(out=place / "deep/out.zip", format=layout))
    for event in job:
        if isinstance(event, Progress) and event.done == 12:
            break
    assert len(list(place.iterdir())) == 1
    job.close()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("layout", ["folders", "zip"])
def test_a_full_disk_is_told_and_nothing_is_left(
    phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    written = []

    def write(_where: object, *content: object) -> None:
        written.append(content)
        if len(written) == 9:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(
        zipfile.ZipFile if layout == "zip" else Path, "writestr" if layout == "zip" else "write_bytes", write
    )
    with pytest.raises(NoSpace, match="nothing was left behind"):
        shared(phantom_study, place / "out.zip", format=layout)
    assert list(place.iterdir()) == []


def test_a_target_that_is_taken_meanwhile_is_left_alone(phantom_study: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "place/out"
    job = jobs.start(phantom_study, ShareSettings(out=out))
    for event in job:
        if isinstance(event, Progress) and event.done == 12:
            break
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="cannot be written"):
        list(job)
    assert files_of(tmp_path / "place") == {"out/mine.txt": b"mine"}


def test_an_empty_folder_is_filled(phantom_study: Workspace, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    shared(phantom_study, tmp_path / "out")
    assert len(rows_of(tmp_path / "out")) == 24


@pytest.mark.parametrize(
    ("name", "layout", "why"),
    [
        ("full", "folders", "not an empty folder"),
        ("full/file.txt", "coco", "not an empty folder"),
        ("full/file.txt/below", "folders", "not a folder"),
        ("full/there.zip", "zip", "there already"),
        ("out", "zip", "ends in .zip"),
        ("study/out", "folders", "inside the study"),
        ("study/out.zip", "zip", "inside the study"),
        ("/", "folders", "whole drive"),
        ("x" * 300, "folders", "cannot be"),
    ],
)
def test_places_where_nothing_is_written(
    phantom_study: Workspace, tmp_path: Path, name: str, layout: str, why: str
) -> None:
    (tmp_path / "full").mkdir()
    for file in ("file.txt", "there.zip"):
        (tmp_path / "full" / file).write_text("mine")
    before = files_of(tmp_path / "full")
    with pytest.raises(BadInput, match=why):
        shared(phantom_study, tmp_path / name, format=layout)
    assert files_of(tmp_path / "full") == before
    assert not list(phantom_study.root.rglob("*.partial-*"))


def test_a_study_without_a_readable_image_gives_nothing(
    empty_study: Workspace, phantom_study: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(NotEnoughImages, match="no image to export"):
        shared(empty_study, tmp_path / "out")
    shutil.rmtree(phantom_study.root / "images")
    with pytest.raises(NotEnoughImages, match="None of the images"):
        shared(phantom_study, tmp_path / "out")
    assert not list(tmp_path.glob("out*"))
    assert bytes_per_pixel(phantom_study, phantom_study.catalog.images()) == 0


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


def test_a_relative_name_is_meant_from_here(
    phantom_study: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert target_of(phantom_study, ShareSettings(out=Path("out"))) == tmp_path / "out"
