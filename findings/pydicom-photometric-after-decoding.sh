#!/usr/bin/env bash
# pydicom 3.0.2: pixel_array of a JPEG ultrasound image that is stored as YBR_FULL is already RGB. But the data set's
# PhotometricInterpretation still says YBR_FULL afterwards. Before pydicom 3 it was right to convert from what the
# header says to RGB. The same code now converts twice: tissue turns green, and nothing warns.
#
# Seen, for a pixel stored from RGB (200, 60, 40):
#   pixel_array:                               [201, 60, 40], header afterwards: YBR_FULL
#   converted from what the header says:       [78, 255, 81]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydicom==3.0.2 pillow==13.0.0 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import io

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space
from pydicom.uid import JPEGBaseline8Bit, UltrasoundImageStorage, generate_uid

picture, jpeg = np.full((16, 16, 3), (200, 60, 40), np.uint8), io.BytesIO()
Image.fromarray(picture).save(jpeg, "JPEG", quality=95, subsampling=0)

made = Dataset()
made.file_meta = FileMetaDataset()
made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
made.SOPClassUID, made.SOPInstanceUID = UltrasoundImageStorage, generate_uid()
made.Rows = made.Columns = 16
made.SamplesPerPixel, made.PlanarConfiguration, made.PhotometricInterpretation = 3, 0, "YBR_FULL"
made.BitsAllocated = made.BitsStored = 8
made.HighBit, made.PixelRepresentation = 7, 0
made.PixelData = encapsulate([jpeg.getvalue()])
made["PixelData"].VR = "OB"
stream = io.BytesIO()
made.save_as(stream, enforce_file_format=True)
stream.seek(0)

read = pydicom.dcmread(stream)
pixels = read.pixel_array
twice = convert_color_space(pixels, read.PhotometricInterpretation, "RGB")
print("pixel_array:                         ", pixels[8, 8].tolist(), "header:", read.PhotometricInterpretation)
print("converted from what the header says: ", twice[8, 8].tolist())
assert np.abs(pixels[8, 8].astype(int) - (200, 60, 40)).max() <= 3, "pixel_array is no longer RGB"
assert read.PhotometricInterpretation == "YBR_FULL", "the header follows the pixels now"
assert np.abs(twice[8, 8].astype(int) - (200, 60, 40)).max() > 100
PY
