"""DICOM files made for tests: one function for all, and encoders for what neither pydicom nor Pillow encodes."""

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, UltrasoundImageStorage

PATIENT = "SECRET-4711"


def dicom_bytes(
    pixels: np.ndarray | None = None,
    *,
    syntax: str = ExplicitVRLittleEndian,
    frames: list[bytes] | None = None,
    preamble: bool = True,
    **elements: Any,
) -> bytes:
    """A DICOM ultrasound file of `pixels` (n, height, width) or (n, height, width, 3), as `elements` describe them.

    `frames` are the same pixels already encoded; without them they are written as they are. An element that is None
    is left out.
    """
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = elements.pop("kind", UltrasoundImageStorage)
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset = Dataset()
    if preamble:
        dataset.file_meta = meta
    described = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "Modality": "US",
        "PatientID": PATIENT,
        "PatientName": "Doe^Jane",
    }
    if pixels is not None:
        described |= _description(pixels)
    described |= elements
    big_endian = syntax == ExplicitVRBigEndian
    if pixels is not None:
        ordered = pixels.transpose(0, 3, 1, 2) if described.get("PlanarConfiguration") == 1 else pixels
        native = ordered.astype(ordered.dtype.newbyteorder(">" if big_endian else "<")).tobytes()
        described.setdefault("PixelData", encapsulate(frames) if frames else native + b"\0" * (len(native) % 2))
    for keyword, value in described.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW" if not frames and pixels is not None and pixels.itemsize == 2 else "OB"
    stream = io.BytesIO()
    if preamble:
        dataset.save_as(stream, enforce_file_format=True)
    else:
        dataset.save_as(stream, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    return stream.getvalue()


def _description(pixels: np.ndarray) -> dict[str, Any]:
    colour = pixels.ndim == 4
    return {
        "NumberOfFrames": len(pixels) if len(pixels) > 1 else None,
        "Rows": pixels.shape[1],
        "Columns": pixels.shape[2],
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "PlanarConfiguration": 0 if colour else None,
        "BitsAllocated": 8 * pixels.itemsize,
        "BitsStored": 8 * pixels.itemsize,
        "HighBit": 8 * pixels.itemsize - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
    }


def encoded(frame: np.ndarray, format_name: str, **options: Any) -> bytes:
    """One frame as Pillow encodes it ("JPEG", "JPEG2000")."""
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, format_name, **options)
    return stream.getvalue()


def lossless_jpeg(frame: np.ndarray) -> bytes:
    """A frame of 8-bit samples as JPEG lossless, first-order prediction (ITU-T T.81, annex H)."""
    height, width = frame.shape[:2]
    planes = frame.reshape(height, width, -1).astype(int)
    n_planes = planes.shape[2]
    predicted = np.empty_like(planes)
    predicted[:, 1:] = planes[:, :-1]
    predicted[1:, 0] = planes[:-1, 0]
    predicted[0, 0] = 128
    bits = "".join(_difference(int(difference)) for difference in (planes - predicted).ravel())
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    components = b"".join(bytes([k + 1, 0x11, 0]) for k in range(n_planes))
    scanned = b"".join(bytes([k + 1, 0]) for k in range(n_planes))
    codes = bytes([0, 0, 0, 0, 9, *[0] * 12, *range(9)])  # nine codes of four bits each
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xC4, codes),
            _segment(0xC3, bytes([8]) + size + bytes([n_planes]) + components),
            _segment(0xDA, bytes([n_planes]) + scanned + bytes([1, 0, 0])),
            data,
            b"\xff\xd9",
        )
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def _difference(value: int) -> str:
    n_bits = abs(value).bit_length()
    remainder = value if value > 0 else value + (1 << n_bits) - 1
    return f"{n_bits:04b}" + (f"{remainder:0{n_bits}b}" if n_bits else "")
