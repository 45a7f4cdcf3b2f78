"""A PNG that the program writes holds the pixels, and nothing that the picture's file said besides."""

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from busapp.engine.images.plain_png import chunks_of
from busapp.engine.utils.png import bare_png

RAMP = np.tile(np.arange(256, dtype=np.uint8), (16, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1", "I;16"])
def test_only_the_pixels_are_written(mode: str) -> None:
    about = PngImagePlugin.PngInfo()
    about.add_text("Patient", "Doe^Jane")
    picture = Image.fromarray(RAMP.astype(np.uint16) * 200) if mode == "I;16" else Image.fromarray(RAMP).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=about, dpi=(72, 72), icc_profile=b"a profile", exif=Image.Exif())
    with Image.open(stream) as loaded:
        content = bare_png(loaded)
        assert loaded.info["Patient"] == "Doe^Jane"
    assert {kind for kind, _ in chunks_of(content)} == {b"IHDR", b"IDAT", b"IEND"}
    with Image.open(io.BytesIO(content)) as written:
        assert written.mode == picture.mode
        np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))
