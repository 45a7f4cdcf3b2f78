"""An export contains nothing that names a patient, and warns of what could."""

import struct
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pulling import result_of
from shared_images import added, encoded, files_of, opened, rows_of, shared, speckle

from busapp.engine.events import Note
from busapp.engine.study.workspace import Workspace


def chunks_of(png: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append(png[at + 4 : at + 8])
        at += 12 + length
    return found


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
