"""Lookup tables that are empty or wrong: ignored if the picture can be shown without them, else refused."""

from typing import Any

import numpy as np
import pytest
from dicom_reading import GREY, frames_of, grey_of
from dicom_samples import dicom_bytes, palette, segmented
from pydicom.dataset import Dataset

from busapp.engine.images.remarks import Remark
from busapp.errors import UnreadableImage

INVERTED = np.arange(65535, -1, -257).astype("<u2").tobytes()


def table(descriptor: list[int] | None = None, data: bytes | None = INVERTED) -> Dataset:
    item = Dataset()
    if descriptor is not None:
        item.LUTDescriptor = descriptor
    if data is not None:
        item.LUTData = data
        item["LUTData"].VR = "OW"
    return item


USELESS = {
    "empty": table(None, None),
    "no data": table([256, 0, 16], None),
    "no bytes": table([256, 0, 16], b""),
    "no descriptor": table(),
    "short descriptor": table([256, 0]),
    "no bits": table([256, 0, 0]),
    "too many bits": table([256, 0, 32]),
    "fewer bits than its values": table([256, 0, 8]),
    "few of its entries": table([3, 0, 16]),
}


@pytest.mark.parametrize("item", USELESS.values(), ids=USELESS)
@pytest.mark.parametrize("sequence", ["ModalityLUTSequence", "VOILUTSequence"])
def test_a_useless_table_is_ignored(sequence: str, item: Dataset) -> None:
    frame = frames_of(dicom_bytes(GREY, **{sequence: [item]}))[0]
    assert (np.asarray(frame.picture)[..., 0] == GREY[0]).all()
    assert frame.remarks == (Remark.TABLE_IGNORED,)


def test_a_table_for_other_values_is_ignored() -> None:
    frame = frames_of(dicom_bytes(GREY, ModalityLUTSequence=[table([256, 5000, 16])]))[0]
    assert (np.asarray(frame.picture)[..., 0] == GREY[0]).all()
    assert frame.remarks == (Remark.TABLE_IGNORED,)


@pytest.mark.parametrize("sequence", ["ModalityLUTSequence", "VOILUTSequence"])
def test_an_empty_sequence_says_nothing(sequence: str) -> None:
    frame = frames_of(dicom_bytes(GREY, **{sequence: []}))[0]
    assert (np.asarray(frame.picture)[..., 0] == GREY[0]).all()
    assert frame.remarks == ()


def test_the_first_usable_table_counts() -> None:
    content = dicom_bytes(GREY, VOILUTSequence=[table(None, None), table([256, 0, 16])])
    assert (grey_of(content) == 255 - GREY[0]).all()
    assert frames_of(content)[0].remarks == ()


def test_slope_and_window_count_if_the_tables_do_not() -> None:
    elements = {"RescaleSlope": "1", "RescaleIntercept": "1000", "WindowCenter": "1128", "WindowWidth": "256"}
    content = dicom_bytes(GREY, ModalityLUTSequence=[Dataset()], VOILUTSequence=[Dataset()], **elements)
    assert (grey_of(content) == GREY[0]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"RedPaletteColorLookupTableDescriptor": None},
        {"RedPaletteColorLookupTableDescriptor": [256, 0]},
        {"RedPaletteColorLookupTableDescriptor": [256, 0, 0]},
        {"RedPaletteColorLookupTableDescriptor": [2, 0, 16]},
        {"GreenPaletteColorLookupTableData": None},
        {"BluePaletteColorLookupTableData": b""},
        {f"{colour}PaletteColorLookupTableDescriptor": [256, 9000, 16] for colour in ("Red", "Green", "Blue")},
    ],
)
def test_a_palette_that_is_lacking_or_wrong_is_refused_with_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnreadableImage, match="lookup table of the picture is missing or damaged") as refused:
        frames_of(dicom_bytes(GREY, **palette(16) | wrong))
    assert "as PNG" in refused.value.remedy


def test_a_palette_beside_grey_values_does_not_matter() -> None:
    elements = palette(16) | {"PhotometricInterpretation": "MONOCHROME2", "RedPaletteColorLookupTableData": b""}
    assert (grey_of(dicom_bytes(GREY, **elements)) == GREY[0]).all()


def test_a_palette_may_give_all_values_of_a_frame_one_colour() -> None:
    ramps = palette(16)
    black = {f"{colour}PaletteColorLookupTableData": bytes(512) for colour in ("Red", "Green", "Blue")}
    assert (np.asarray(frames_of(dicom_bytes(GREY, **ramps | black))[0].picture) == 0).all()


def test_a_segment_that_leads_beyond_the_palette_is_cut_off() -> None:
    # One value, then a line of 9000 values.
    (frame, *_) = frames_of(dicom_bytes(GREY, **segmented(0, 1, 0, 1, 9000, 65535)))
    expected = np.rint(np.linspace(0, 65535, 9001))[GREY[0]].astype(int) >> 8
    assert (np.asarray(frame.picture)[..., 0] == expected).all()
