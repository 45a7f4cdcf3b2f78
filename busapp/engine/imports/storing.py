"""Store one image in a study: read it, check it, and keep it under its hash with its mask and its thumbnail.

An image file is stored unchanged if its bytes alone show what people see. Others, such as one that must be turned
first, are stored as a PNG of what they show, and so is a frame of a DICOM file. Nothing of a DICOM file is kept but
pixels and their spacing. Its name, which is often the patient's, is replaced by a keyed hash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event as Flag
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.catalog import Known, KnownImages, NewImage, Statement
from busapp.engine.events import Skipped
from busapp.engine.images.dicom.reading import DicomHeader, read_frames, read_header
from busapp.engine.images.masks import inside_of, read_mask
from busapp.engine.images.orientation import LYING, turned
from busapp.engine.images.preprocessing import decoded, frames_of
from busapp.engine.images.remarks import Decoded, Remark
from busapp.engine.images.signatures import HEAD, is_dicom, picture_suffix
from busapp.engine.imports.files.sources import Entry, read_whole
from busapp.engine.imports.found import CLASS_NAMES_PATIENT, FoundImage
from busapp.engine.imports.names import has_picture_suffix, stands_in, suffix_of
from busapp.engine.imports.study_entries import StudyEntry
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import KnownPatients, pseudonym
from busapp.engine.study.thumbnails import as_jpeg, make_mask_thumbnail, mask_thumbnail_path, shrunk, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.engine.utils.places import place_name
from busapp.engine.utils.png import bare_png
from busapp.errors import Contradicted, UnreadableImage

_SEEN_OTHERWISE: Final = (
    "An earlier version took this picture in as its file stores it, turned or in another contrast. To replace it, undo "
    "that import, and import again"
)
_WHICH_WAY_UP: Final = (
    "The file of its image says that it is to be turned or mirrored, and it cannot be known if the mask is already. "
    "Save the image upright, and import both again"
)
_LEAST_RANGE: Final = 8
"""Grey values of 256 that a picture spans if it shows anything."""
_COARSE: Final = 32
"""Pixels along the shorter side of a reduced picture: fine enough to show any lesion, too coarse to show noise."""
MASK_OF_DICOM: Final = "It is a mask of a DICOM file, whose frames come in without masks"

NO_CLASS: Final = "It is not in the study, and nothing gives its class"


@dataclass(slots=True)
class Stored:
    """Outcome of storing one file.

    `images` are to be added to the catalog; `there` holds one statement about each image that the study has already.
    `masks` counts the mask files joined to images. `burned_in` is true if the file itself declares burned-in text.
    """

    images: list[NewImage] = field(default_factory=list)
    there: list[Statement] = field(default_factory=list)
    masks: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    burned_in: bool = False
    nameless: bool = False
    """True if a DICOM file names no patient, and no table does."""
    flat: int = 0
    """Number of pictures that are black, or of one grey everywhere."""
    like_masks: int = 0
    """Number of pictures of two colours, as masks are."""
    restored: int = 0
    """Number of images already present whose stored file was missing or truncated, and has been restored."""
    remarks: list[Remark] = field(default_factory=list)
    """What was done to the new images and masks when they were read, once for each."""


class ImageStore:
    """Stores images in a study. Several threads may use it at once.

    `known` is `Catalog.known()`; images that the study has already are not decoded again. Once `stop` is set, a long
    loop ends early.
    """

    def __init__(
        self,
        workspace: Workspace,
        settings: ImportSettings,
        known: KnownImages,
        patients: KnownPatients,
        stop: Flag,
    ) -> None:
        self._workspace = workspace
        self._settings = settings
        self._known = known
        self._patients = patients
        self._stop = stop

    def put(self, found: FoundImage) -> Stored:
        """Read and store one file. Problems of the file itself are listed in `Stored.skipped`.

        Raises:
            NoSpace: the disk is full.
        """
        stored = Stored()
        if isinstance(found.entry, StudyEntry):
            origin = origin_of(found, self._settings, self._patients)
            stored.there.append(Statement(found.entry.known.file, found.entry.sha256, found.class_name, None, *origin))
            return stored
        try:
            content = read_whole(found.entry)
            if found.is_dicom:
                self._put_frames(found, content, stored)
            elif is_dicom(content[:HEAD]):  # under the name of a picture
                stored.skipped += [Skipped(f"{found.name} ({mask.name})", MASK_OF_DICOM) for mask in found.masks]
                self._put_frames(replace(found, is_dicom=True, masks=()), content, stored)
            else:
                self._put_image(found, content, stored)
        except UnreadableImage as error:
            stored.skipped.append(Skipped(found.name, reason_to_skip(error)))
        return stored

    def _put_image(self, found: FoundImage, content: bytes, stored: Stored) -> None:
        origin = origin_of(found, self._settings, self._patients)
        suffix = _suffix(found.file, content)
        there = self._find(found.file, content)
        if there is not None and _needs_nothing(found, there):
            self._is_there(found, there.file, content, suffix, origin, stored)
            return
        seen = decoded(content, file=found.name)
        if there is not None and not seen.plain:
            stored.skipped += [Skipped(_name_of_mask(found, entry), _SEEN_OTHERWISE) for entry in found.masks]
            self._is_there(found, there.file, content, suffix, origin, stored)
            return
        kept, suffix = as_kept(content, seen, suffix)
        if not seen.plain:
            there = self._find(found.file, kept)
            if there is not None and _needs_nothing(found, there):
                self._is_there(found, there.file, kept, suffix, origin, stored)
                return
        if there is None and found.class_name is None:
            raise UnreadableImage(NO_CLASS, file=found.name)
        mask = self._merged_mask(found, seen, stored)
        if there is not None:
            self._is_there(found, there.file, kept, suffix, origin, stored, mask=mask)
            return
        stored.remarks += [*seen.remarks, *_about_pages(content, found.name)]
        self._put(stored, found, found.file, kept, seen.picture, origin, suffix=suffix, mask=mask)

    def _put_frames(self, found: FoundImage, content: bytes, stored: Stored) -> None:
        header = read_header(content, found.name, take_anyway=self._settings.take_anyway)
        refuse_patient_as_class(found, header)
        stored.burned_in = header.burned_in
        stored.nameless = not (found.patient or header.names_patient)
        stem = dicom_stem(header.instance or sha256_of(content))
        origin = origin_of(found, self._settings, self._patients, header, stem)
        frames = read_frames(
            content,
            file=found.name,
            most=self._settings.frames,
            crop_to_regions=self._settings.crop_to_regions,
            take_anyway=self._settings.take_anyway,
        )
        for frame in frames:
            if self._stop.is_set():
                return
            file = dicom_file(found.class_name or "", stem, frame.number, header.frames)
            png = bare_png(frame.picture)
            there = self._find(file, png)
            if there is not None:
                self._is_there(found, there.file, png, ".png", origin, stored)
            elif frame.remarks and self._known.named(file) is not None:
                stored.skipped.append(Skipped(found.name, _SEEN_OTHERWISE))
            elif found.class_name is None:
                raise UnreadableImage(NO_CLASS, file=found.name)
            else:
                stored.remarks += frame.remarks
                self._put(stored, found, file, png, frame.picture, origin, spacing_mm=frame.spacing_mm)

    def _find(self, file: str, content: bytes) -> Known | None:
        """The image of the study with this name and content. Without one of that name, the content is not hashed."""
        return None if self._known.named(file) is None else self._known.find(file, sha256_of(content))

    def _is_there(
        self,
        found: FoundImage,
        file: str,
        content: bytes,
        suffix: str,
        origin: "Origin",
        stored: Stored,
        *,
        mask: str | None = None,
    ) -> None:
        stored.there.append(Statement(file, sha256_of(content), found.class_name, mask, *origin))
        stored.restored += self._workspace.restore_image(content, suffix)

    def _put(
        self,
        stored: Stored,
        found: FoundImage,
        file: str,
        content: bytes,
        picture: Image.Image,
        origin: "Origin",
        *,
        suffix: str = ".png",
        mask: str | None = None,
        spacing_mm: float | None = None,
    ) -> None:
        sha256 = self._workspace.store_image(content, suffix)
        small = shrunk(picture)
        _keep_thumbnail(thumbnail_path(self._workspace, sha256), lambda: as_jpeg(small))
        stored.flat += _is_flat(small)
        stored.like_masks += _is_like_a_mask(picture)
        stored.images.append(
            NewImage(
                file=file,
                sha256=sha256,
                suffix=suffix,
                class_name=found.class_name or "",
                width=picture.width,
                height=picture.height,
                mask=mask,
                source="DICOM" if found.is_dicom else found.source,
                patient=origin.patient or origin.stand_in,
                spacing_mm=spacing_mm,
                site=origin.site,
                device=origin.device,
            )
        )

    def _merged_mask(self, found: FoundImage, seen: Decoded, stored: Stored) -> str | None:
        """Store the union of all masks as a PNG with 255 inside the lesion. Returns its hash, None without a mask."""
        union: npt.NDArray[np.bool_] | None = None
        for entry in found.masks:
            name = _name_of_mask(found, entry)
            try:
                read = read_mask(read_whole(entry), file=name)
                mask = laid_over(read, seen)
                inside = inside_of(mask, file=name)
            except UnreadableImage as error:
                stored.skipped.append(Skipped(name, error.what))
                continue
            if mask is not read.picture:
                stored.remarks.append(Remark.MASK_TURNED)
            union = inside if union is None else union | inside
            stored.masks += 1
        if union is None:
            return None
        merged = Image.fromarray(union.astype(np.uint8) * 255)
        sha256 = self._workspace.store_mask(bare_png(merged))
        _keep_thumbnail(mask_thumbnail_path(self._workspace, sha256), lambda: make_mask_thumbnail(merged))
        return sha256


def as_kept(content: bytes, seen: Decoded, suffix: str) -> tuple[bytes, str]:
    """The content that a study keeps of a picture, and its ending: the file itself, or a PNG of what is seen."""
    return (content, suffix) if seen.plain else (bare_png(seen.picture), ".png")


def _about_pages(content: bytes, file: str) -> list[Remark]:
    may_have_several = content.startswith((b"II", b"MM", b"RIFF")) or b"acTL" in content[:HEAD]
    return [Remark.FIRST_PICTURE] if may_have_several and len(frames_of(content, file=file)) > 1 else []


def _needs_nothing(found: FoundImage, there: Known) -> bool:
    """True if the image in the study has a mask already, or none is found."""
    return there.has_mask or not found.masks


def _name_of_mask(found: FoundImage, entry: Entry) -> str:
    return f"{entry.folder.rpartition('/')[2] or found.source}/{entry.name}"


def laid_over(mask: Decoded, seen: Decoded) -> Image.Image:
    """The mask in the orientation of its upright picture. A mask that does not say its own orientation may have been
    drawn on the picture as it is stored; then it has that size.

    Raises:
        UnreadableImage: it has another size, or both sizes are the same, so that this cannot be known.
    """
    width, height = seen.picture.size
    stored_size = (height, width) if seen.orientation in LYING else (width, height)
    is_unsure = seen.orientation != 1 and mask.orientation == 1
    if is_unsure and mask.picture.size == stored_size:
        if stored_size == seen.picture.size:
            raise UnreadableImage(_WHICH_WAY_UP)
        return turned(mask.picture, seen.orientation)
    if mask.picture.size != seen.picture.size:
        sizes = f"The mask is {mask.picture.width}×{mask.picture.height} pixels, its image {width}×{height}"
        raise UnreadableImage(sizes)
    return mask.picture


class Origin(NamedTuple):
    """Where a picture is from. `patient` and `stand_in` are pseudonyms. `stand_in` keeps the frames of a DICOM file
    together if its patient is not known."""

    patient: str | None
    site: str | None
    device: str | None
    stand_in: str | None


def origin_of(
    found: FoundImage,
    settings: ImportSettings,
    patients: KnownPatients,
    header: DicomHeader | None = None,
    stem: str = "",
) -> Origin:
    """Patient, site and device of a file: as the table says, else as the DICOM file says, else as the user does. A
    site or device whose name contains an identifier of the patient does not count."""
    patient, identifiers = found.patient, [found.patient] if found.patient else []
    stand_in = site = device = None
    if header is not None:
        identifiers += header.identifiers
        site, device = header.site, header.device
        if header.names_patient:
            patient = patient or header.patient
        else:
            stand_in = header.patient or f"picture {stem}"
    return Origin(
        patient=None if patient is None else patients.pseudonym(patient),
        site=_place((found.site, site, settings.site), identifiers),
        device=_place((found.device, device, settings.device), identifiers),
        stand_in=None if stand_in is None else patients.pseudonym(stand_in),
    )


def _place(given: Iterable[str | None], identifiers: Sequence[str]) -> str | None:
    """The first name that is given and contains no identifier of the patient, None if there is none."""
    names = (name for name in map(place_name, given) if name is not None)
    return next((name for name in names if not any(stands_in(name, one) for one in identifiers)), None)


def reason_to_skip(error: UnreadableImage) -> str:
    """Why an image is skipped, and the setting that takes it, if there is one."""
    return f"{error.what}; with --take-anyway it comes in" if isinstance(error, Contradicted) else error.what


def refuse_patient_as_class(found: FoundImage, header: DicomHeader) -> None:
    """Refuse a class that names the patient: picture archives name exported folders after patients, and a class is
    stored as plain text.

    Raises:
        UnreadableImage: the class contains the patient's number or a part of the name.
    """
    if any(stands_in(found.class_name or "", identifier) for identifier in header.identifiers):
        raise UnreadableImage(CLASS_NAMES_PATIENT, file=found.name)


def dicom_stem(instance: str) -> str:
    """Stem of the file names of a DICOM file's frames: 12 hexadecimal digits of a keyed hash of its instance UID."""
    return pseudonym(instance).partition(":")[2][:12]


def dicom_file(class_name: str, stem: str, number: int, frames: int) -> str:
    """Name in the catalog of frame `number`, counted from 1, of a DICOM file with `frames` frames."""
    return f"{class_name}/{stem}{f' frame {number}' if frames > 1 else ''}.png"


def _is_flat(picture: Image.Image) -> bool:
    """True if a picture has one grey or is black everywhere, apart from noise."""
    grey = np.asarray(picture.reduce(max(1, min(picture.size) // _COARSE)).convert("L"))
    return int(grey.max()) - int(grey.min()) < _LEAST_RANGE


def _is_like_a_mask(picture: Image.Image) -> bool:
    """True if a picture has just two colours. It stops looking at the third."""
    colours = picture.getcolors(2)
    return colours is not None and len(colours) == 2


def _suffix(file: str, content: bytes) -> str:
    """The ending of a stored image: that of its name, or of its kind if the name has another one or none."""
    return suffix_of(file) if has_picture_suffix(file) else picture_suffix(content[:HEAD]) or suffix_of(file)


def _keep_thumbnail(path: Path, make: Callable[[], bytes]) -> None:
    if not path.exists():
        write_atomically(path, make(), survives_power_cut=False)
