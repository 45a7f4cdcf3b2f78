"""Store one image in a study: read it, check it, and keep it under its hash with its mask and its thumbnail.

An image file is stored unchanged, a frame of a DICOM file as PNG. Nothing of a DICOM file is kept but pixels and their
spacing. Its name, which is often the patient's, is replaced by a keyed hash.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from busapp.engine.catalog import KnownImages, NewImage, Statement
from busapp.engine.events import Skipped
from busapp.engine.images.dicom import DicomHeader, read_frames, read_header
from busapp.engine.images.preprocessing import decode
from busapp.engine.imports.names import stands_in, suffix_of
from busapp.engine.imports.sorting import CLASS_NAMES_PATIENT, FoundImage
from busapp.engine.imports.sources import read_whole
from busapp.engine.settings import ImportSettings
from busapp.engine.study.patients import KnownPatients, pseudonym
from busapp.engine.study.thumbnails import make_mask_thumbnail, make_thumbnail, mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.engine.utils.places import place_name
from busapp.engine.utils.png import bare_png
from busapp.errors import UnreadableImage

_LEAST_RANGE: Final = 8
"""Grey values of 256 that a picture spans if it shows anything."""
_COARSE: Final = 32
"""Pixels along the shorter side of a reduced picture: fine enough to show any lesion, too coarse to show noise."""

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
    flat: int = 0
    """Number of pictures that are black, or of one grey everywhere."""
    restored: int = 0
    """Number of images already present whose stored file was missing or truncated, and has been restored."""


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
        try:
            if found.is_dicom:
                self._put_frames(found, stored)
            else:
                self._put_image(found, stored)
        except UnreadableImage as error:
            stored.skipped.append(Skipped(found.name, error.what))
        return stored

    def _put_image(self, found: FoundImage, stored: Stored) -> None:
        content = read_whole(found.entry)
        origin = origin_of(found, self._settings, self._patients)
        there = self._known.find(found.file, sha256_of(content))
        if there is not None and (there.has_mask or not found.masks):
            self._is_there(found, there.file, content, origin, stored)
            return
        if there is None and found.class_name is None:
            raise UnreadableImage(NO_CLASS, file=found.name)
        picture = decode(content, file=found.name)
        mask = self._merged_mask(found, picture.size, stored)
        if there is not None:
            self._is_there(found, there.file, content, origin, stored, mask=mask)
        else:
            self._put(stored, found, found.file, content, picture, origin, mask=mask)

    def _put_frames(self, found: FoundImage, stored: Stored) -> None:
        content = read_whole(found.entry)
        header = read_header(content, found.name)
        refuse_patient_as_class(found, header)
        stored.burned_in = header.burned_in
        stem = dicom_stem(header.instance or sha256_of(content))
        origin = origin_of(found, self._settings, self._patients, header, stem)
        frames = read_frames(
            content, file=found.name, most=self._settings.frames, crop_to_regions=self._settings.crop_to_regions
        )
        for frame in frames:
            if self._stop.is_set():
                return
            file = dicom_file(found.class_name or "", stem, frame.number, header.frames)
            png = bare_png(frame.picture)
            there = self._known.find(file, sha256_of(png))
            if there is not None:
                self._is_there(found, there.file, png, origin, stored)
            elif found.class_name is None:
                raise UnreadableImage(NO_CLASS, file=found.name)
            else:
                self._put(stored, found, file, png, frame.picture, origin, spacing_mm=frame.spacing_mm)

    def _is_there(
        self,
        found: FoundImage,
        file: str,
        content: bytes,
        origin: "Origin",
        stored: Stored,
        *,
        mask: str | None = None,
    ) -> None:
        stored.there.append(Statement(file, sha256_of(content), found.class_name, mask, *origin))
        stored.restored += self._workspace.restore_image(content, suffix_of(file))

    def _put(
        self,
        stored: Stored,
        found: FoundImage,
        file: str,
        content: bytes,
        picture: Image.Image,
        origin: "Origin",
        *,
        mask: str | None = None,
        spacing_mm: float | None = None,
    ) -> None:
        suffix = suffix_of(file)
        sha256 = self._workspace.store_image(content, suffix)
        _keep_thumbnail(thumbnail_path(self._workspace, sha256), lambda: make_thumbnail(picture))
        stored.flat += _is_flat(picture)
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

    def _merged_mask(self, found: FoundImage, size: tuple[int, int], stored: Stored) -> str | None:
        """Store the union of all masks as a PNG with 255 inside the lesion. Returns its hash, None without a mask."""
        union: npt.NDArray[np.bool_] | None = None
        for entry in found.masks:
            name = f"{found.name.rpartition('/')[0]}/{entry.name}"
            try:
                mask = decode(read_whole(entry), file=name)
            except UnreadableImage as error:
                stored.skipped.append(Skipped(name, error.what))
                continue
            if mask.size != size:
                sizes = f"The mask is {mask.width}×{mask.height} pixels, its image {size[0]}×{size[1]}"
                stored.skipped.append(Skipped(name, sizes))
                continue
            values = np.asarray(mask.convert("L"))
            # The threshold is half of the largest value: masks come as 0 and 1, as 0 and 255, or blurred by JPEG.
            inside = values >= max(values.max() / 2, 1)
            union = inside if union is None else union | inside
            stored.masks += 1
        if union is None:
            return None
        merged = Image.fromarray(union.astype(np.uint8) * 255)
        sha256 = self._workspace.store_mask(bare_png(merged))
        _keep_thumbnail(mask_thumbnail_path(self._workspace, sha256), lambda: make_mask_thumbnail(merged))
        return sha256


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
    grey = np.asarray(picture.convert("L").reduce(max(1, min(picture.size) // _COARSE)))
    return int(grey.max()) - int(grey.min()) < _LEAST_RANGE


def _keep_thumbnail(path: Path, make: Callable[[], bytes]) -> None:
    if not path.exists():
        write_atomically(path, make(), survives_power_cut=False)
