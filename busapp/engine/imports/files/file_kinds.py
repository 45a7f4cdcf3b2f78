"""Kinds of image files: pictures, lesion masks and DICOM files. Import and diagnosis share this definition."""

from collections.abc import Callable
from typing import Literal

from busapp.engine.images.signatures import HEAD, is_dicom, is_dicom_directory, picture_suffix
from busapp.engine.imports import names
from busapp.errors import UnreadableImage

FileKind = Literal["picture", "mask", "DICOM", "DICOMDIR"]


def file_kind(name: str, read: Callable[[int], bytes]) -> FileKind | None:
    """The kind of a file, None if the program reads no images from such files.

    A name that ends like a picture's decides at once, so that large folders of pictures are listed without opening a
    file; what is in it is found when it is read. All other files are looked at, because archives, discs and browsers
    give DICOM files any name (`IM_0001`, `1.2.840.113619.2`, `scan.dcm (1)`). `read(most)` returns the first bytes of
    the file, at most `most` of them. A file that `read` cannot open (`OSError`, `UnreadableImage`) is no image, unless
    its name ends like a DICOM file's.
    """
    if names.has_picture_suffix(name):
        return _picture(name)
    if names.is_table(name) or names.is_archive(name):
        return None
    try:
        head = read(HEAD)
    except (OSError, UnreadableImage):
        head = b""
    if names.is_dicomdir(name) or is_dicom_directory(head):
        return "DICOMDIR"
    if is_dicom(head):
        return "DICOM"
    if picture_suffix(head) and (names.has_dicom_suffix(name) or not names.suffix_of(name)):
        return _picture(name)
    return "DICOM" if names.has_dicom_suffix(name) else None


def _picture(name: str) -> FileKind:
    return "picture" if names.image_of_mask(name) is None else "mask"
