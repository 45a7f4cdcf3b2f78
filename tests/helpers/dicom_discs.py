"""Discs of DICOM files: a DICOMDIR and what it lists."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from dicom_samples import dicom_bytes
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage


def scan(number: int) -> bytes:
    """A small DICOM picture, different for each number, of a patient of its own."""
    pixels = np.random.default_rng(number).integers(0, 256, (1, 24, 32), np.uint8)
    return dicom_bytes(pixels, SOPInstanceUID=f"1.2.3.{number}", PatientID=f"P-{number:03d}")


def directory_bytes(
    file_ids: Sequence[Sequence[str]], *, undefined_lengths: bool = False, in_use: int = 65535
) -> bytes:
    """A DICOMDIR that lists files by the parts of their paths, after the records of a patient and a study."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = "1.2.9"
    directory = Dataset()
    directory.file_meta = meta
    directory.FileSetID = "DISC"
    directory.DirectoryRecordSequence = [_record("PATIENT", None, 65535), _record("STUDY", None, 65535)] + [
        _record("IMAGE", file_id, in_use) for file_id in file_ids
    ]
    if undefined_lengths:
        directory["DirectoryRecordSequence"].is_undefined_length = True
        for record in directory.DirectoryRecordSequence:
            record.is_undefined_length_sequence_item = True
    stream = io.BytesIO()
    directory.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _record(kind: str, file_id: Sequence[str] | None, in_use: int) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord, record.RecordInUseFlag = 0, in_use
    record.DirectoryRecordType = kind
    if file_id is None:
        record.PatientName, record.PatientID = "Doe^Jane", "SECRET-4711"
    else:
        record.ReferencedFileID = list(file_id)
    return record


def write_disc(folder: Path, file_ids: Sequence[Sequence[str]], **directory: object) -> Path:
    """Write files and the DICOMDIR that lists them. Returns the DICOMDIR."""
    for number, parts in enumerate(file_ids):
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(scan(number))
    (folder / "DICOMDIR").write_bytes(directory_bytes(file_ids, **directory))
    return folder / "DICOMDIR"
