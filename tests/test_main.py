"""The entry point: the log, and uncaught errors."""

import subprocess
import sys
from pathlib import Path

CODE = """
import pathlib, sys, threading
from busapp import paths
paths.log_dir = lambda: pathlib.Path({folder!r})
sys.argv = ["busapp", "--version"]
from busapp import __main__ as door
assert door.main() == 0
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise KeyError("nobody caught this")
"""


def test_what_nobody_caught_goes_to_the_log_and_one_line_names_it(tmp_path: Path) -> None:
    code = CODE.format(folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    written = (tmp_path / "busapp.log").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in written and "nobody caught this" in written
    assert "Traceback" not in done.stderr and str(tmp_path) in done.stderr
    assert (tmp_path / "crash.log").exists()


def test_a_home_that_cannot_be_written_to_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code = (
        "import pathlib, sys\nfrom busapp import paths\n"
        f"paths.log_dir = lambda: pathlib.Path({str(tmp_path / 'file' / 'log')!r})\n"
        "sys.argv = ['busapp', '--version']\nfrom busapp.__main__ import main\nsys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "busapp" in done.stdout, done.stderr


def test_without_streams_as_in_a_windowed_bundle_it_still_runs(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\nfrom busapp import paths\n"
        f"paths.log_dir = lambda: pathlib.Path({str(tmp_path)!r})\n"
        "sys.argv = ['busapp', '--version']\nfrom busapp.__main__ import main\n"
        "sys.stdout = sys.stderr = None\nsys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
