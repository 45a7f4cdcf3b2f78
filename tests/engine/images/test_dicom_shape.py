"""A circle in a DICOM file is a circle in its picture, and one spacing is right in both directions."""

from typing import Any

import numpy as np
import pytest
from dicom_reading import frames_of
from dicom_samples import dicom_bytes, region

from busapp.engine.images.dicom import shape as dicom_shape
from busapp.engine.images.remarks import Remark

_Y, _X = np.mgrid[:100, :100]
HIGH_PIXELS = np.where(((_X - 50) / 40) ** 2 + ((_Y - 50) / 20) ** 2 < 1, 220, 90).astype(np.uint8)
"""A circle, if pixels are twice as high as wide."""


def regions(*sizes: tuple[float, float], box: tuple[int, int, int, int] = (0, 0, 99, 99), **more: Any) -> list[Any]:
    """Two-dimensional regions whose pixels have these widths and heights in centimetres."""
    return [region(box, PhysicalDeltaX=x, PhysicalDeltaY=y, PhysicalUnitsYDirection=3, **more) for x, y in sizes]


SAY_SO: dict[str, tuple[dict[str, Any], float | None]] = {
    "aspect ratio": ({"PixelAspectRatio": [2, 1]}, None),
    "spacing": ({"PixelSpacing": [0.4, 0.2]}, 0.2),
    "spacing on the detector": ({"ImagerPixelSpacing": [0.4, 0.2]}, 0.2),
    "region": ({"SequenceOfUltrasoundRegions": regions((0.02, 0.04))}, 0.2),
    "region, upwards": ({"SequenceOfUltrasoundRegions": regions((0.02, -0.04))}, 0.2),
    "two regions": ({"SequenceOfUltrasoundRegions": regions((0.02, 0.04), (0.02, 0.0401))}, 0.2),
    "two scales": ({"SequenceOfUltrasoundRegions": regions((0.02, 0.04), (0.01, 0.02))}, None),
    "width and ratio": (
        {"SequenceOfUltrasoundRegions": [region((0, 0, 99, 99))], "PixelAspectRatio": [4, 2]},
        0.2,
    ),
    "region before the rest": (
        {"SequenceOfUltrasoundRegions": regions((0.02, 0.04)), "PixelSpacing": [1, 1], "PixelAspectRatio": [1, 1]},
        0.2,
    ),
}


def extent(picture: np.ndarray) -> tuple[int, int]:
    """Height and width of the circle."""
    inside = picture[..., 0] > 155
    return int(inside.any(axis=1).sum()), int(inside.any(axis=0).sum())


@pytest.mark.parametrize("how", SAY_SO)
def test_high_pixels_make_the_picture_higher(how: str) -> None:
    elements, spacing = SAY_SO[how]
    (frame,) = frames_of(dicom_bytes(HIGH_PIXELS[None], **elements))
    assert frame.picture.size == (100, 200)
    height, width = extent(np.asarray(frame.picture))
    assert abs(height - width) <= 2
    assert frame.spacing_mm == (None if spacing is None else pytest.approx(spacing))
    assert frame.remarks == (Remark.STRETCHED,)


def test_wide_pixels_make_the_picture_wider() -> None:
    content = dicom_bytes(HIGH_PIXELS.T[None], PixelSpacing=[0.1, 0.2])
    (frame,) = frames_of(content)
    assert (frame.picture.size, frame.spacing_mm) == ((200, 100), 0.1)
    height, width = extent(np.asarray(frame.picture))
    assert abs(height - width) <= 2


def test_a_picture_that_would_be_too_large_is_shrunk_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_shape, "MAX_PIXELS", 15_000)
    (frame,) = frames_of(dicom_bytes(HIGH_PIXELS[None], PixelSpacing=[0.4, 0.2]))
    assert (frame.picture.size, frame.spacing_mm) == ((50, 100), pytest.approx(0.4))


def test_only_the_regions_are_stretched_when_the_rest_is_cut_away() -> None:
    content = dicom_bytes(HIGH_PIXELS[None], SequenceOfUltrasoundRegions=regions((0.02, 0.04), box=(10, 30, 89, 69)))
    (frame,) = frames_of(content, crop=True)
    assert (frame.picture.size, frame.cropped) == ((80, 80), True)


@pytest.mark.parametrize(
    "elements",
    [
        {"PixelAspectRatio": [0, 1]},
        {"PixelAspectRatio": [1, 0]},
        {"PixelAspectRatio": [-1, 1]},
        {"PixelAspectRatio": [9, 2]},
        {"PixelSpacing": [2.0, 0.2]},
        {"PixelSpacing": [0, 0.2]},
        {"SequenceOfUltrasoundRegions": regions((0.02, 0.0))},
        {"SequenceOfUltrasoundRegions": regions((0.02, 0.04), (0.02, 0.02))},
    ],
    ids=repr,
)
def test_what_cannot_be_right_is_ignored_and_said(elements: dict[str, Any]) -> None:
    (frame,) = frames_of(dicom_bytes(HIGH_PIXELS[None], **elements))
    assert (frame.picture.size, frame.spacing_mm) == ((100, 100), None)
    assert frame.remarks == (Remark.RATIO_IGNORED,)


@pytest.mark.parametrize(
    ("elements", "spacing"),
    [
        ({}, None),
        ({"PixelAspectRatio": [1, 1]}, None),
        ({"PixelSpacing": [0.2, 0.2]}, 0.2),
        ({"PixelSpacing": [0.2, 0.2012]}, 0.2),
        ({"SequenceOfUltrasoundRegions": regions((0.02, 0.02))}, 0.2),
        ({"SequenceOfUltrasoundRegions": regions((0.02, 0.04), RegionSpatialFormat=3)}, None),
        ({"SequenceOfUltrasoundRegions": regions((0.02, 0.04), PhysicalUnitsXDirection=4)}, None),
    ],
    ids=repr,
)
def test_square_pixels_stay_as_they_are(elements: dict[str, Any], spacing: float | None) -> None:
    (frame,) = frames_of(dicom_bytes(HIGH_PIXELS[None], **elements))
    assert np.array_equal(np.asarray(frame.picture)[..., 0], HIGH_PIXELS)
    assert (frame.spacing_mm, frame.remarks) == (spacing and pytest.approx(spacing), ())
