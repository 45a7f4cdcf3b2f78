"""From a file to pictures for a diagnosis: every kind, every frame, and every bad input with its message."""

import csv
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_samples import dicom_bytes
from PIL import Image
from pydicom.dataset import Dataset
from tiny_model import write_model

from busapp.engine import jobs
from busapp.engine.diagnosis.job import images_to_diagnose
from busapp.engine.events import Finished, Skipped
from busapp.engine.images.dicom import pixels as dicom_pixels
from busapp.engine.images.pictures import open_picture
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage

SIDE = 40


def ramp(brightest: int = 200) -> Image.Image:
    """Grey, from black on the left to `brightest` on the right."""
    row = np.linspace(0, brightest, SIDE).astype(np.uint8)
    return Image.fromarray(np.repeat(row[None], SIDE, axis=0)).convert("RGB")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def brightness(image: Image.Image) -> int:
    return int(np.asarray(image).max())


def noise() -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
    return encoded(Image.fromarray(values), "PNG")


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size but contains no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\x40IDAT"


def loop(n_frames: int = 5) -> np.ndarray:
    """Frames (n, 40, 40) whose brightness tells their number: 10, 20, …"""
    frames = np.zeros((n_frames, SIDE, SIDE), np.uint8)
    frames[:, 10:30, 10:30] = (10 * np.arange(1, n_frames + 1))[:, None, None]
    return frames


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated.png": (lambda: noise()[:900], "damaged or cut short"),
    "truncated.jpg": (lambda: encoded(ramp(), "JPEG")[:500], "damaged or cut short"),
    "truncated.tif": (lambda: encoded(ramp(), "TIFF")[:500], "damaged"),
    "empty.png": (lambda: b"", "The file is empty"),
    "dot.png": (lambda: encoded(Image.new("L", (1, 1)), "PNG"), "1×1 pixels, which is too small"),
    "strip.bmp": (lambda: encoded(Image.new("L", (400, 9)), "BMP"), "400×9 pixels, which is too small"),
    "huge.png": (lambda: png_of(30_000, 30_000), "more than 64 million pixels"),
    "large.png": (lambda: png_of(9_000, 9_000), "9000×9000 pixels, more than 64 million"),
    "text.png": (lambda: b"This is no picture at all.\n" * 20, "not an image, whatever its name says"),
    "moving.gif": (lambda: encoded(ramp(), "GIF", save_all=True, append_images=[ramp(90)]), "GIF pictures"),
    "moving.png": (lambda: encoded(ramp(), "GIF"), "GIF pictures"),
    "truncated.webp": (lambda: encoded(ramp(), "WEBP")[:60], "damaged or cut short"),
    "truncated.pgm": (lambda: encoded(ramp().convert("L"), "PPM")[:900], "damaged or cut short"),
    "phone.jpg": (lambda: b"\0\0\0\x18ftypheic" + bytes(200), "HEIC and AVIF"),
    "loop.mp4": (lambda: b"\0\0\0\x18ftypisom" + bytes(200), "a video"),
    "loop.avi": (lambda: b"RIFF\0\0\0\0AVI LIST" + bytes(200), "a video"),
    "page.pdf": (lambda: b"%PDF-1.7" + bytes(200), "a PDF"),
    "without pixels.dcm": (lambda: dicom_bytes(), "holds no picture"),
    "unknown.dcm": (
        lambda: dicom_bytes(loop(1), frames=[b"\0\0"], syntax="1.2.840.10008.1.2.4.102"),
        "compressed in a way that is not supported",
    ),
    "truncated.dcm": (lambda: dicom_bytes(loop(1))[:-900], "cut short"),
    "ct.dcm": (lambda: dicom_bytes(loop(), Modality="CT"), "not an ultrasound image"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_sentence_that_says_what_to_do(name: str, tmp_path: Path) -> None:
    make, sentence = BAD[name]
    (tmp_path / name).write_bytes(make())
    with pytest.raises(UnreadableImage) as told:
        open_picture(tmp_path / name).frame(1)
    assert sentence in told.value.what
    assert name in str(told.value) and told.value.remedy.endswith(".")


def test_a_missing_file_and_a_folder_get_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(UnreadableImage, match="cannot be opened"):
            open_picture(path)


def test_a_huge_picture_is_refused_before_a_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableImage, match="64 million"):
        open_picture(png_of(30_000, 30_000), "huge.png")


def test_the_bytes_count_and_not_the_name(tmp_path: Path) -> None:
    for name, content in (
        ("png.jpg", encoded(ramp(), "PNG")),
        ("jpeg.dcm", encoded(ramp(), "JPEG", quality=95)),
        ("dicom.png", dicom_bytes(np.asarray(ramp().convert("L"))[None])),
        ("1.2.840.113619", dicom_bytes(np.asarray(ramp().convert("L"))[None])),
        ("bmp", encoded(ramp(), "BMP")),
    ):
        (tmp_path / name).write_bytes(content)
        picture = open_picture(tmp_path / name)
        assert (picture.frames, picture.middle) == (1, 1)
        image = picture.frame(1)
        assert image.mode == "RGB" and image.size == (SIDE, SIDE)
        assert np.abs(np.asarray(image).astype(int) - np.asarray(ramp())).max() <= 4


def png_16(rows: np.ndarray, colour_type: int) -> bytes:
    """A PNG with 16 bits per sample; `rows` (h, w, samples)."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 16, colour_type, 0, 0, 0)
    body = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_by_its_largest_value(kind: str) -> None:
    values = np.repeat(np.linspace(0, 4095, SIDE).astype(np.uint16)[None], SIDE, axis=0)  # 12 bits in 16
    image = np.asarray(open_picture(encoded(Image.fromarray(values), kind), "deep").frame(1))
    assert np.abs(image[0, :, 0] - np.linspace(0, 255, SIDE)).max() <= 1


def test_16_bit_colours_keep_their_upper_bits() -> None:
    image = open_picture(png_16(np.full((20, 20, 3), (50_000, 20_000, 1_000)), 2), "deep.png").frame(1)
    assert image.getpixel((3, 3)) == (195, 78, 3)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_printers_colours_are_not_inverted(kind: str) -> None:
    printed = Image.new("RGB", (20, 20), (200, 60, 30)).convert("CMYK")
    options = {"quality": 95} if kind == "JPEG" else {}
    red, green, blue = open_picture(encoded(printed, kind, **options), "printed").frame(1).getpixel((9, 9))
    assert abs(red - 200) < 6 and abs(green - 60) < 6 and abs(blue - 30) < 6


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_animated_pngs_and_pages_are_frames(kind: str) -> None:
    frames = [Image.fromarray(frame) for frame in loop()]
    picture = open_picture(encoded(frames[0], kind, save_all=True, append_images=frames[1:]), "moving")
    assert (picture.frames, picture.middle) == (5, 3)
    for number in (4, 1, 5):
        assert brightness(picture.frame(number)) == 10 * number
    with pytest.raises(ValueError):
        picture.frame(6)


def test_a_preview_beside_a_page_is_no_frame() -> None:
    preview = Image.new("L", (16, 16), 255)
    content = encoded(ramp(), "TIFF", save_all=True, append_images=[preview, ramp(90), preview])
    picture = open_picture(content, "pages.tif")
    assert picture.frames == 2
    assert [brightness(picture.frame(number)) for number in (1, 2)] == [200, 90]


def test_of_a_dicom_loop_only_the_frame_asked_for_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    really = dicom_pixels.decode_frame
    monkeypatch.setattr(dicom_pixels, "decode_frame", lambda *a: (decoded.append(a[2]), really(*a))[1])
    picture = open_picture(dicom_bytes(loop(40)), "loop.dcm")
    assert (picture.frames, picture.middle) == (40, 21)
    assert decoded == []
    picture.frame(7)
    assert decoded == [6]


def test_a_dicom_picture_is_cropped_to_its_ultrasound_regions() -> None:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 8
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = SIDE - 1, SIDE - 1
    content = dicom_bytes(np.asarray(ramp().convert("L"))[None], SequenceOfUltrasoundRegions=[region])
    assert open_picture(content, "a.dcm").frame(1).size == (SIDE, SIDE - 8)


def test_a_real_loop_is_read(us_dicom: Path) -> None:
    picture = open_picture(us_dicom / "OBXXXX1A_rle_2frame.dcm")
    assert picture.frames == 2
    assert np.asarray(picture.frame(1)).std() > 10


def test_folders_yield_dicom_files_whatever_they_are_called(tmp_path: Path) -> None:
    for name in ("a.dcm", "IM_0001", "1.2.840.113619.2", "DICOMDIR", "._a.png"):
        (tmp_path / name).write_bytes(dicom_bytes(loop(1)))
    (tmp_path / "README").write_text("no DICOM", encoding="utf-8")
    assert [path.name for path in images_to_diagnose([tmp_path])] == ["1.2.840.113619.2", "IM_0001", "a.dcm"]


def test_a_batch_goes_on_past_everything_that_is_bad(empty_study: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for name, (make, _) in BAD.items():
        (folder / name).write_bytes(make())
    (folder / "zz good.png").write_bytes(encoded(ramp(), "PNG"))
    (folder / "zz loop.dcm").write_bytes(dicom_bytes(loop()))
    table = tmp_path / "table.csv"
    model = write_model(tmp_path / "model.onnx")
    settings = DiagnoseSettings(images=tuple(sorted(folder.iterdir())), model=model, csv=table)
    events = list(jobs.start(empty_study, settings))
    assert {Path(event.file).name for event in events if isinstance(event, Skipped)} == set(BAD)
    result = next(event.result for event in events if isinstance(event, Finished))
    good, moving = result["images"][-2:]
    assert "frame" not in good and good["probabilities"]
    assert (moving["frame"], moving["frames"]) == (3, 5)
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert [row["frame"] for row in rows[-2:]] == ["", "3"]
    assert not empty_study.catalog.images()
