"""The rows of `images.csv`."""

from decimal import Decimal
from typing import Final, TypedDict

from busapp.engine.sharing.provenance import GeneratorColumns

_ImageColumns = TypedDict(
    "_ImageColumns",
    {
        "file": str,
        "class": str,
        "kind": str,
        "group": int,
        "patient": str,
        "site": str,
        "device": str,
        "set_aside": str,
        "flags": str,
        "width": int,
        "height": int,
        "spacing_mm": float | str,
        "mask": str,
        "sha256": str,
    },
)


class ImageRow(_ImageColumns, GeneratorColumns):
    """One image. Only synthetic images fill the columns of the generator and the last two; unknown values are empty."""

    nearest: str
    correlation: Decimal | str


COLUMNS: Final = (
    *_ImageColumns.__annotations__,
    *GeneratorColumns.__annotations__,
    "nearest",
    "correlation",
)
