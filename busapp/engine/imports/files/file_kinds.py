"""Kinds of image files: pictures, lesion masks and DICOM files. Import and diagnosis share this definition."""

from collections.abc import Callable
from typing import Final, Literal

from busapp.engine.images.signatures import HEAD, is_dicom, is_dicom_directory, picture_suffix
from busapp.engine.imports import names
from busapp.errors import UnreadableImage

NOT_AN_IMAGE: Final = "It is not an image"
_PHOTO: Final = "It is a picture of a kind that is not read; save it as PNG"
_VOLUME: Final = "It is a volume; export its slices as PNG or DICOM"
_SLIDE: Final = "It is a whole slide; export patches of it as PNG"
_VIDEO: Final = "It is a video; export its frames as PNG"
_NOT_READ: Final = {
    **dict.fromkeys((".gif", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".psd", ".svg", ".raw"), _PHOTO),
    **dict.fromkeys((".nii", ".nrrd", ".nhdr", ".mha", ".mhd"), _VOLUME),
    **dict.fromkeys((".svs", ".ndpi", ".mrxs", ".scn", ".vsi", ".bif"), _SLIDE),
    **dict.fromkeys((".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg"), _VIDEO),
    ".mat": "It is a file of MATLAB; export the pictures in it as PNG",
}
"""By the ending of a name: why a file is not read, and what to do."""

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


def not_read(name: str) -> str:
    """Why a file that `file_kind` does not know is not read, and what to do, by the ending of its name."""
    unpacked = names.stem_of(name) if names.suffix_of(name) == ".gz" else name
    return _NOT_READ.get(names.suffix_of(unpacked), NOT_AN_IMAGE)
