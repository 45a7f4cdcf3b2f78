#!/usr/bin/env bash
# mrmr-selection 0.2.8: importing it hides the warnings of the whole program, since `mrmr/main.py` calls
# warnings.filterwarnings("ignore") at its top. A program that turns warnings into errors, or shows them to people, gets
# none from then on. Import it inside `warnings.catch_warnings()`.
# Beside this: asked for K features it may return fewer, without a word, as it leaves out those whose F statistic is 0 or
# undefined (constant columns); the package index says GPL 3, while the LICENSE in the wheel is MIT; and it needs polars
# (180 MB unpacked) even if only its pandas functions are used.
#
# Seen:
#   warnings heard before the import: 1, after it: 0; asked for 3 features of 3, got 2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check mrmr-selection==0.2.8
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import warnings

heard = []
warnings.showwarning = lambda message, *others: heard.append(str(message))
warnings.warn("before")
before = len(heard)
import mrmr

warnings.warn("after")
print("warnings heard before the import:", before, "after it:", len(heard) - before)
assert before == 1 and len(heard) == 1, "it no longer hides warnings"

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
features = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc"))
features["c"] = 1.0
classes = pd.Series(rng.integers(0, 2, 60))
found = mrmr.mrmr_classif(features, classes, K=3, n_jobs=1, show_progress=False)
print("asked for 3 features of 3, got", len(found))
assert len(found) == 2
assert "polars" in sys.modules
PY
