#!/usr/bin/env bash
# Pillow 13.0.0: a TIFF of 16-bit colour whose planes lie one after the other (PlanarConfiguration 2, as microscopes and
# slide scanners write it) opens without an error or a warning, and has other pixels than the file: each byte is taken
# for a pixel, so that the lower and the upper byte of a value stand side by side.
# The same values with PlanarConfiguration 1 are read rightly (their upper bytes). A stain or a dye thus becomes stripes,
# and a classifier is fed with them.
#
# Seen, for a picture in which all pixels are (4000, 30000, 65535):
#   planes together: mode RGB, all pixels (15, 117, 255)
#   planes apart:    mode RGB, pixels (160, 48, 255) and (15, 117, 255) in turn
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 tifffile==2026.3.3 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" -W error - <<'PY'
import numpy as np
import tifffile
from PIL import Image

values = np.empty((8, 8, 3), np.uint16)
values[:] = 4000, 30000, 65535
tifffile.imwrite("together.tif", values, photometric="rgb", planarconfig="contig")
tifffile.imwrite("apart.tif", np.moveaxis(values, -1, 0), photometric="rgb", planarconfig="separate")
assert np.array_equal(np.moveaxis(tifffile.imread("apart.tif"), 0, -1), values)

seen = {}
for name in ("together", "apart"):
    with Image.open(f"{name}.tif") as image:
        pixels = np.asarray(image)
        seen[name] = image.mode, np.unique(pixels.reshape(-1, 3), axis=0).tolist()
    print(f"planes {name}: mode {seen[name][0]}, different pixels {seen[name][1]}")
assert seen["together"] == ("RGB", [[15, 117, 255]])
assert seen["apart"] == ("RGB", [[15, 117, 255], [160, 48, 255]]), "Pillow reads the planes otherwise now"
PY
