#!/usr/bin/env bash
# PySide6 6.12.0 on Python 3.11: every emit of a signal releases one reference to True that it never took. A window that
# emits some hundred signals crashes the interpreter. On Python 3.12 and later, True is immortal and nothing is seen.
# PySide6 6.11 is not affected.
#
# Seen: references to True lost by 5 emits: 5
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check PySide6-Essentials==6.12.0
cd "$work"
export QT_QPA_PLATFORM=offscreen
"$work/venv/bin/python" - <<'PY'
import os
import sys

from PySide6.QtCore import QObject, Signal

assert sys.version_info[:2] == (3, 11), "this needs Python 3.11"


class Emitter(QObject):
    happened = Signal(object)


emitter, before = Emitter(), sys.getrefcount(True)
for _ in range(5):
    emitter.happened.emit(None)
lost = before - sys.getrefcount(True)
print("references to True lost by 5 emits:", lost, flush=True)
os._exit(0 if lost == 5 else 1)  # without the interpreter's own end, which would miss them
PY
