"""Pictures that say how they are to be turned come out upright, in every format; stored ones stay as they were."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from busapp.engine.images.pictures import open_picture
from busapp.engine.images.preprocessing import decode, decode_stored, decoded, size_of
from busapp.engine.images.remarks import Remark

_Y, _X = np.mgrid[:24, :40]
UPRIGHT = np.stack([6 * _X, 10 * _Y, 0 * _X], axis=-1).astype(np.uint8)
"""Different in every corner, so that no turning goes unnoticed."""
LYING = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.transpose(1, 0, 2),
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(UPRIGHT, -1),
}
"""The stored pixels of each orientation. Source: TIFF 6.0, Orientation: where row 0 and column 0 are to be seen."""


def exif(orientation: int, order: str = "<") -> bytes:
    """The smallest Exif."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return head + struct.pack(f"{order}LHHHLHHL", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def stored(kind: str, orientation: int) -> bytes:
    stream, image = io.BytesIO(), Image.fromarray(np.ascontiguousarray(LYING[orientation]))
    if kind == "TIFF":
        image.save(stream, kind, tiffinfo={274: orientation})
    elif kind == "MPO":
        options = {"quality": 100, "subsampling": 0, "exif": b"Exif\0\0" + exif(orientation)}
        image.save(stream, kind, save_all=True, append_images=[image], **options)
    else:
        options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
        image.save(stream, kind, exif=b"Exif\0\0" + exif(orientation, "<>"[orientation % 2]), **options)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO"])
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    content = stored(kind, orientation)
    seen = decoded(content, file="a")
    assert np.abs(np.asarray(seen.picture).astype(int) - UPRIGHT).max() <= 4
    assert decode(content, file="a") == seen.picture == open_picture(content, "a").frame(1)
    assert size_of(content, file="a") == (40, 24)
    assert seen.orientation == orientation
    assert seen.remarks == ((Remark.TURNED,) if orientation != 1 else ())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_stored_file_is_read_as_it_lies(kind: str) -> None:
    content = stored(kind, 6)
    assert decode_stored(content, file="a").size == (24, 40)
    assert not decoded(content, file="a").plain
    assert decoded(stored(kind, 1), file="a").plain


def test_pillow_turns_a_tiff_so_that_it_may_be_stored_as_it_is() -> None:
    content = stored("TIFF", 6)
    assert decode_stored(content, file="a") == decode(content, file="a")
    assert decoded(content, file="a").plain


def test_exif_after_the_pixels_of_a_png_counts() -> None:
    content = stored("PNG", 8)
    at = content.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(content[at : at + 4], "big")
    moved = content[:at] + content[end:-12] + content[at:end] + content[-12:]
    assert np.array_equal(np.asarray(decode(moved, file="a")), UPRIGHT)


def test_exif_that_imagemagick_writes_into_the_texts_of_a_png_counts() -> None:
    profile = b"Exif\0\0" + exif(6)
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(profile):8d}\n{profile.hex()}\n", zip=True)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(LYING[6])).save(stream, "PNG", pnginfo=text)
    assert np.array_equal(np.asarray(decode(stream.getvalue(), file="a")), UPRIGHT)


@pytest.mark.parametrize(
    "odd",
    [b"", b"Exif\0\0", b"II*\0", b"XX*\0" + bytes(20), exif(0), exif(9), exif(6)[:-8], b"II*\0" + b"\xff" * 30],
    ids=["none", "only a prefix", "cut short", "no order", "0", "9", "without its value", "offset outside"],
)
def test_odd_exif_turns_nothing(odd: bytes) -> None:
    stream = io.BytesIO()
    Image.fromarray(UPRIGHT).save(stream, "PNG", exif=odd)
    seen = decoded(stream.getvalue(), file="a")
    assert np.array_equal(np.asarray(seen.picture), UPRIGHT)
    assert (seen.remarks, seen.plain) == ((), True)
