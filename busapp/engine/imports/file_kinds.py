"""Kinds of image files: pictures, lesion masks and DICOM files. Import and diagnosis share this definition."""

from collections.abc import Callable
from typing import Final, Literal

from busapp.engine.images.dicom import is_dicom
from busapp.engine.imports import names
from busapp.errors import UnreadableImage

FileKind = Literal["picture", "mask", "DICOM"]
_HEAD: Final = 512
"""Bytes that tell a DICOM file from others."""


def file_kind(name: str, read: Callable[[int], bytes]) -> FileKind | None:
    """The kind of a file, None if the program reads no images from such files.

    The ending of the name decides. Picture archives export DICOM files without an ending; for such names
    `read(most)` is called, which returns the first bytes of the file, at most `most` of them. A file that `read` cannot
    open (`OSError`, `UnreadableImage`) is no image.
    """
    if names.has_picture_suffix(name):
        return "picture" if names.image_of_mask(name) is None else "mask"
    if names.has_dicom_suffix(name) or (names.may_be_dicom(name) and _begins_as_dicom(read)):
        return "DICOM"
    return None


def _begins_as_dicom(read: Callable[[int], bytes]) -> bool:
    try:
        return is_dicom(read(_HEAD))
    except (OSError, UnreadableImage):
        return False
