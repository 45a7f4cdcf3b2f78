#!/usr/bin/env bash
# Pillow 13.0.0: a JPEG 2000 image of 12 bits (as in DICOM files of ultrasound, CT and mammography) is decoded to 16-bit
# numbers that are 16 times the stored ones. 10 bits become 64 times, 5 bits 8 times as large. The file states its
# number of bits, the decoded image does not. A DICOM rescale slope or window that is applied afterwards is wrong by
# that factor. pylibjpeg's OpenJPEG plugin returns the stored numbers.
#
# Seen:
#   12 bits, stored up to 4095: Pillow 65520 (I;16), OpenJPEG plugin 4095
#   10 bits, stored up to 1023: Pillow 65472 (I;16), OpenJPEG plugin 1023
#    5 bits, stored up to   31: Pillow   248 (L), OpenJPEG plugin 31
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 pylibjpeg-openjpeg==2.6.0 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import io

import numpy as np
from openjpeg import decode
from openjpeg.utils import encode_array
from PIL import Image

for bits, factor in ((12, 16), (10, 64), (5, 8)):
    stored = (np.arange(64 * 64).reshape(64, 64) % 2**bits).astype(np.uint16 if bits > 8 else np.uint8)
    content = bytes(encode_array(stored, bits_stored=bits, photometric_interpretation=2))
    image = Image.open(io.BytesIO(content))
    by_pillow, by_plugin = np.asarray(image).astype(int), decode(content).astype(int)
    print(
        f"{bits:2d} bits, stored up to {stored.max():4d}: Pillow {by_pillow.max():5d} ({image.mode}), "
        f"OpenJPEG plugin {by_plugin.max()}"
    )
    assert np.array_equal(by_plugin, stored)
    assert np.array_equal(by_pillow, stored.astype(int) * factor), "Pillow scales differently now"
PY
