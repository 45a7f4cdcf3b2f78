"""Pictures as MIAS ships them, and all of their family, are read like others."""

import numpy as np
import pytest
from PIL import Image

from busapp.engine.images import netpbm
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.preprocessing import decode, decode_stored, size_of
from busapp.errors import UnreadableImage

_Y, _X = np.mgrid[:30, :40]
GREY = (5 * _X + _Y).astype(np.uint8)
COLOUR = np.stack([GREY, 200 - GREY // 2, GREY // 3], axis=-1)


def text(values: np.ndarray) -> bytes:
    return b" ".join(b"%d" % value for value in values.ravel().tolist())


FILES = {
    "P5": (b"P5\n# mdb001\n40 30\n255\n" + GREY.tobytes(), GREY),
    "P5 of 16 bits": (b"P5 40 30 65535\n" + (GREY.astype(np.uint16) * 257).astype(">u2").tobytes(), GREY * (255 / 224)),
    "P5 of 12 bits": (b"P5 40 30 4095\n" + (GREY.astype(np.uint16) * 16).astype(">u2").tobytes(), GREY * (255 / 224)),
    "P5 to 100": (b"P5 40 30 100\n" + (GREY // 3).tobytes(), GREY // 3 * 2.55),
    "P6": (b"P6 40 30 255\n" + COLOUR.tobytes(), COLOUR),
    "P6 of 16 bits": (b"P6 40 30 510\n" + (COLOUR.astype(np.uint16) * 2).astype(">u2").tobytes(), COLOUR),
    "P2": (b"P2 40 30\n255\n# values\n" + text(GREY), GREY),
    "P2 of 12 bits": (b"P2 40 30 4095\n" + text(GREY.astype(int) * 16), GREY * (255 / 224)),
    "P3": (b"P3\n40 30\n255\n" + text(COLOUR), COLOUR),
    "P1": (b"P1 40 30\n" + text(GREY > 99).replace(b" ", b""), np.where(GREY > 99, 0, 255)),
    "P4": (b"P4 40 30\n" + np.packbits(GREY > 99, axis=1).tobytes(), np.where(GREY > 99, 0, 255)),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_is_read(kind: str) -> None:
    content, expected = FILES[kind]
    assert size_of(content, file="a.pgm") == (40, 30)
    pixels = np.asarray(decode(content, file="a.pgm")).astype(float)
    assert np.abs(pixels - (expected if expected.ndim == 3 else expected[..., None])).max() <= 1
    assert open_picture(content, "a.pgm").frame(1) == decode_stored(content, file="a.pgm")


@pytest.mark.parametrize("kind", FILES)
def test_a_part_of_a_file_is_refused(kind: str) -> None:
    content, _ = FILES[kind]
    with pytest.raises(UnreadableImage, match="damaged or cut short"):
        open_picture(content[: len(content) * 2 // 3], "a.pgm").frame(1)


@pytest.mark.parametrize("words", [b"1 2 300 4", b"1 2 -3 4", b"1 2 x 4", b"1 2 3"])
def test_numbers_that_cannot_be_are_refused(words: bytes) -> None:
    with pytest.raises(UnreadableImage):
        decode(b"P2 2 2 255\n" + words, file="a.pgm")


def test_a_picture_that_is_too_large_to_be_written_in_digits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netpbm, "MOST_IN_TEXT", 1000)
    with pytest.raises(UnreadableImage, match="too large for that") as told:
        decode(FILES["P2"][0], file="a.pgm")
    assert "PNG" in told.value.remedy


def test_the_size_is_checked_before_a_value_is_read() -> None:
    with pytest.raises(UnreadableImage, match="64 million"):
        decode(b"P5 9000 9000 255\n", file="a.pgm")


def test_pillow_still_names_the_decoders_that_this_module_replaces() -> None:
    assert {name for name in ("ppm", "ppm_plain") if name in Image.DECODERS} == {"ppm", "ppm_plain"}
