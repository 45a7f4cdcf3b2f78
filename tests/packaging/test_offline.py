"""A diagnosis calls no server and writes only into the program's own folders, in every face: in fresh interpreters with
a home of their own and, where the system allows it, in a network namespace that counts what is sent."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from busapp import paths

ROOT = Path(__file__).resolve().parents[2]
OWN_FOLDERS = ("busapp", "matplotlib")  # of the program; of matplotlib, its list of the system's fonts

COMMAND = """
import sys
from busapp.__main__ import main
sys.argv = ["busapp", "diagnose", {image!r}]
assert main() == 0
"""
PAGES = COMMAND.replace("{image!r}]", "{image!r}, '--pdf', 'page.pdf', '--dicom', 'pages', '--csv', 'table.csv']")
LIBRARY = """
from pathlib import Path
from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.images.preprocessing import read_image
from busapp.engine.models.model import Model
from busapp import paths
model = Model.load(next(paths.models_dir().glob("*.onnx")))
assert Diagnoser(model).diagnose(read_image(Path({image!r}))).probabilities
"""
WORKER = """
import multiprocessing, os
os.environ.clear()
os.environ.update({{"HOME": {home!r}, "PYTHONPATH": {python_path!r}}})
with multiprocessing.get_context("spawn").Pool(1) as pool:
    pool.apply(exec, [{library!r}])
"""
WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from busapp.gui import app
from busapp.gui.diagnosis.tab import DiagnosisTab
from busapp.gui.main_window import MainWindow
def look():
    (window,) = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow)]
    tab = window.findChild(DiagnosisTab)
    if not tab.property("asked"):
        tab.setProperty("asked", True)
        tab.diagnose(Path({image!r}))
    elif tab.result.bars.values():
        print("answered", flush=True)
        window.close()
application = QApplication(["busapp"])
timer = QTimer(interval=50, timeout=look)
timer.start()
assert app.run(Path("study").absolute()) == 0
"""
ENGINE_ALONE = "import os, busapp.engine\nassert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"

COUNTED = """
import json, subprocess, sys
from pathlib import Path
WATCHED = ("Ip:OutRequests", "Ip:OutNoRoutes", "Tcp:ActiveOpens", "Udp:OutDatagrams", "Ip6OutNoRoutes")
def sent():
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    sixth = Path("/proc/net/snmp6")
    counts = dict(line.split() for line in (sixth.read_text().splitlines() if sixth.exists() else []))
    for names, values in zip(lines[::2], lines[1::2]):
        counts |= {{names[0] + name: value for name, value in zip(names[1:], values[1:])}}
    return {{name: int(counts.get(name, 0)) for name in WATCHED}}
before = sent()
code = subprocess.run([sys.executable, "-c", {code!r}]).returncode
print(json.dumps({{name: count for name, count in sent().items() if count != before[name]}}))
sys.exit(code)
"""
PLAIN_SESSION = """
import onnxruntime
from pathlib import Path
model = next(Path({models!r}).glob("*.onnx"))
onnxruntime.InferenceSession(model.read_bytes(), providers=["CPUExecutionProvider"])
"""
FACES = ("command", "pages", "library", "worker", "window")
COUNTED_FACES = ("command", "library", "window", "plain")
LINGER = """
import time
time.sleep(13)  # ONNX Runtime 1.32 looks up its host nine seconds after the first session began
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def begin(code: str, home: Path, *before: str) -> "subprocess.Popen[str]":
    """Execute code in a fresh interpreter whose user has an empty home."""
    other = ("ORT_", "RAY_", "XDG_", "MPL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(other)}
    homes = dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(home))
    return subprocess.Popen(
        [*before, sys.executable, "-c", code],
        env={**environment, **homes, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"},
        cwd=home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: "subprocess.Popen[str]") -> str:
    """Wait for code that `begin` executes. Returns what it printed."""
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return out


def execute(code: str, home: Path, *before: str) -> str:
    """Execute code as `begin` does. Returns what it printed."""
    return printed(begin(code, home, *before))


def foreign(home: Path) -> list[str]:
    """The files in the home that lie in no folder of the program."""
    files = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    return sorted(file.as_posix() for file in files if not set(file.parts[:-1]) & set(OWN_FOLDERS))


def code_of(face: str, home: Path, image: Path) -> str:
    """The code of a face, with this image to diagnose."""
    library = LIBRARY.format(image=str(image))
    given = {"image": str(image), "home": str(home), "library": library, "python_path": str(ROOT)}
    return {"command": COMMAND, "pages": PAGES, "library": LIBRARY, "worker": WORKER, "window": WINDOW}[face].format(
        **given
    )


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The home in which each face diagnosed, by face. Where the system allows it, `sent.json` beside the home has what
    was counted in the face's network; `plain` is ONNX Runtime by itself. All are executed once, at the same time."""
    alone: tuple[str, ...] = ("unshare", "--user", "--map-root-user", "--net")
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        alone = ()
    root = tmp_path_factory.mktemp("faces")
    Image.linear_gradient("L").save(root / "gradient.png")
    homes = {face: root / face / "home" for face in (*FACES, *(["plain"] if alone else []))}
    running = {}
    for face, home in homes.items():
        home.mkdir(parents=True)
        if face == "plain":
            code = PLAIN_SESSION.format(models=str(paths.models_dir()))
        else:
            code = code_of(face, home, root / "gradient.png")
        if alone and face in COUNTED_FACES:
            running[face] = begin(COUNTED.format(code=code + LINGER), home, *alone)
        else:
            running[face] = begin(code, home)
    for face, process in running.items():
        lines = printed(process).splitlines()
        if alone and face in COUNTED_FACES:
            (homes[face].parent / "sent.json").write_text(lines[-1], encoding="utf-8")
    return homes


@pytest.mark.parametrize("face", FACES)
def test_a_diagnosis_writes_only_into_the_programs_own_folders(face: str, faces: dict[str, Path]) -> None:
    assert foreign(faces[face]) == []


def test_a_diagnosis_sends_nothing(faces: dict[str, Path]) -> None:
    files = {face: faces[face].parent / "sent.json" for face in COUNTED_FACES if face in faces}
    if "plain" not in files:
        pytest.skip("no network namespace here")
    sent = {face: json.loads(file.read_text(encoding="utf-8")) for face, file in files.items()}
    if not sent.pop("plain"):
        pytest.skip("ONNX Runtime by itself looks up nothing here, so this proves nothing")
    assert sent == {"command": {}, "library": {}, "window": {}}


def test_the_engine_alone_keeps_libraries_from_calling_home(home: Path) -> None:
    execute(ENGINE_ALONE, home)
