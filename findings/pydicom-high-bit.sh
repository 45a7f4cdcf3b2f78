#!/usr/bin/env bash
# pydicom 3.0.2: the element High Bit is ignored. In files of older machines the 12 bits of a value are the upper ones of
# 16 (Bits Stored 12, High Bit 15), as DICOM allowed for many years. `pixel_array` cuts the upper four bits off, without
# an error or a warning: the picture wraps round several times and looks like a plausible, banded one.
#
# Seen, for the stored values 0, 250, 500, 750, …, 3750 in the upper 12 bits:
#   pixel_array: 0, 4000, 3904, 3808, … (each value times 16, modulo 4096)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydicom==3.0.2 numpy==2.3.5
"$work/venv/bin/python" -W error - <<'PY'
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

values = np.arange(16, dtype=np.uint16) * 250
ds = Dataset()
ds.file_meta = FileMetaDataset()
ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
ds.Rows = ds.Columns = 4
ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 15
ds.PixelData = (values << 4).tobytes()
read = ds.pixel_array.ravel()
print("stored:", values.tolist())
print("read:  ", read.tolist())
assert np.array_equal(read, (values.astype(int) * 16) % 4096), "pydicom reads High Bit otherwise now"
PY
