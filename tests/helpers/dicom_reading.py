"""Pixels for DICOM samples, and functions that read a sample back in a test."""

import numpy as np
import pytest

from busapp.engine.images.dicom.reading import DicomFrame, read_frames, read_header
from busapp.errors import UnreadableImage

_Y, _X = np.mgrid[:21, :31]  # odd sizes, so that padding and byte order matter
GREY = np.stack([4 * _X + 3 * _Y + 20 * k for k in range(3)]).astype(np.uint8)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2 + 40], axis=-1)


def frames_of(content: bytes, *, most: int = 9, crop: bool = False) -> list[DicomFrame]:
    return list(read_frames(content, file="picture.dcm", most=most, crop_to_regions=crop))


def pixels_of(content: bytes) -> np.ndarray:
    """All frames, (n, height, width, 3)."""
    return np.stack([np.asarray(frame.picture) for frame in frames_of(content)])


def grey_of(content: bytes) -> np.ndarray:
    """The first frame, (height, width). It must be grey."""
    pixels = pixels_of(content)[0]
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 4 else np.repeat(pixels[..., None], 3, axis=-1)


def refusal(content: bytes) -> UnreadableImage:
    """The error for a file that both the preview and the import refuse, with the same message."""
    with pytest.raises(UnreadableImage) as preview:
        read_header(content, "picture.dcm")
    with pytest.raises(UnreadableImage) as imported:
        frames_of(content)
    assert preview.value.what == imported.value.what
    assert imported.value.file == "picture.dcm"
    assert imported.value.remedy
    return imported.value
