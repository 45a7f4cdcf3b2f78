#!/usr/bin/env bash
# highdicom 0.28.2: DICOM allows a patient's name of a single component (PN). If a Secondary Capture is made for such a
# patient, a Python warning repeats the name. A program that sends warnings to its log writes patients' names into it.
#
# Seen: UserWarning: The string "Muster Anna" is unlikely to represent the intended person name since …
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check highdicom==0.28.2 numpy==2.3.5
cd "$work"
"$work/venv/bin/python" - <<'PY'
import warnings

import numpy as np
from highdicom.sc import SCImage
from pydicom.uid import generate_uid

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    SCImage(
        pixel_array=np.zeros((8, 8), np.uint8),
        photometric_interpretation="MONOCHROME2",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        study_instance_uid=generate_uid(),
        series_instance_uid=generate_uid(),
        sop_instance_uid=generate_uid(),
        series_number=1,
        instance_number=1,
        manufacturer="nobody",
        patient_name="Muster Anna",
    )
words = [str(warning.message) for warning in caught]
for sentence in words:
    print("UserWarning:", sentence)
assert any("Muster Anna" in sentence for sentence in words), "the name is no longer repeated"
PY
