"""DICOM files for tests: one function writes all of them. Encoders for formats that pydicom and Pillow cannot encode,
and builders for palettes and regions."""

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
    """A DICOM ultrasound file of `pixels` (n, height, width) or (n, height, width, 3), described by `elements`.

    `frames` are the same pixels already encoded; without `frames` the pixels are written uncompressed. An element that
    is None is omitted.
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
    """One frame encoded by Pillow ("JPEG", "JPEG2000")."""
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


def palette(bits: int, n_entries: int = 256, first: int = 0, *, big_endian: bool = False) -> dict[str, Any]:
    """Elements of a palette. From the first entry to the last, red falls, green rises and blue is constant."""
    ramp = np.linspace(0, 255, n_entries).round().astype(int)
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, entries in (("Red", 255 - ramp), ("Green", ramp), ("Blue", np.full(n_entries, 77))):
        order = ">" if big_endian else "<"
        data = (entries * 257).astype(f"{order}u2") if bits == 16 else entries.astype(np.uint8)
        packed = data.tobytes()
        if bits == 8 and big_endian:
            packed = np.frombuffer(packed, np.uint16).byteswap().tobytes()
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [n_entries % 65536, first, bits]
        elements[f"{colour}PaletteColorLookupTableData"] = packed
    return elements


def segmented(*words: int) -> dict[str, Any]:
    """Elements of a palette of 256 entries, whose three colours are segmented tables of these 16-bit words."""
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = np.array(words, "<u2").tobytes()
    return elements


def region(box: tuple[int, int, int, int], **elements: Any) -> Dataset:
    """An ultrasound region: left, top, right and bottom in pixels, by default with pixels 0.2 mm wide."""
    item = Dataset()
    item.RegionLocationMinX0, item.RegionLocationMinY0, item.RegionLocationMaxX1, item.RegionLocationMaxY1 = box
    described = {"RegionSpatialFormat": 1, "PhysicalUnitsXDirection": 3, "PhysicalDeltaX": 0.02} | elements
    for keyword, value in described.items():
        setattr(item, keyword, value)
    return item
