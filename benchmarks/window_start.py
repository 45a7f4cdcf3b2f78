"""Measure the time from the start of the process to the painted window, against an empty window.

The reference is a process that shows an empty `QMainWindow` after importing pyqtgraph. No program with these libraries
can be faster. The two take turns, and the ratio of the medians is reported.

    python benchmarks/window_start.py [--runs N] [--json FILE|-]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import json_report

_SHOW = """
import sys, time
{imports}
from PySide6.QtWidgets import QApplication
app = QApplication.instance() or QApplication(sys.argv)
window = {window}
window.show()
app.processEvents()
window.repaint()
print(time.time())
"""
_REFERENCE = _SHOW.format(imports="import pyqtgraph\nfrom PySide6.QtWidgets import QMainWindow", window="QMainWindow()")
_BUSAPP = _SHOW.format(
    imports="from busapp.engine.utils.garbage import collect_rarely\ncollect_rarely()\n"  # as the program starts
    "from pathlib import Path\n"
    "from busapp.engine.study.workspace import Workspace\n"
    "from busapp.gui.main_window import MainWindow",
    window="MainWindow(Workspace.create(Path(sys.argv[1])))",
)


def seconds_to_window(program: str, workspace: Path) -> float:
    """Wall-clock seconds from the start of the interpreter to the first painted window."""
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", program, str(workspace)],
        env={"QT_QPA_PLATFORM": "offscreen", **os.environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.strip().splitlines()[-1]) - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", default="-")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "study"
        pairs = [
            (seconds_to_window(_REFERENCE, workspace), seconds_to_window(_BUSAPP, workspace))
            for _ in range(arguments.runs + 1)
        ][1:]  # the first pair fills the disk cache
    reference = statistics.median(pair[0] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs)
    result = {"runs": arguments.runs, "reference_s": reference, "busapp_s": ours, "ratio": ours / reference}
    json_report.write(result, arguments.json)


if __name__ == "__main__":
    main()
