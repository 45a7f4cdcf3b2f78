"""Modules that are loaded at run time, in fresh interpreters. Rules for imports are in pyproject.toml
(import-linter)."""

import json
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "busapp"
FRAMEWORKS = ("torch", "torchvision", "tensorflow", "keras", "sklearn")
ONLY_JOBS_LOAD = (  # they draw, or need the frameworks' packages
    "classifiers",
    "networks.layers",
    "gan",
    "export.phone",
    "export.final_model",
    "report",
    "paper",
    "diagnosis.pages",
    "diagnosis.page_figure",
    "diagnosis.figure",
    "utils.figures",
    "utils.fonts",
    "images.dicom.page",
)


def modules_of_the_engine() -> list[str]:
    """Every module of the engine, by its full name."""
    paths = (path.relative_to(PACKAGE.parent).with_suffix("") for path in (PACKAGE / "engine").rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def light_modules() -> list[str]:
    """The modules that the window and the command line may load before a job begins."""
    heavy = [f"busapp.engine.{name}." for name in ONLY_JOBS_LOAD]
    return [module for module in modules_of_the_engine() if not f"{module}.".startswith(tuple(heavy))]


def loaded_by(statement: str, *names: str) -> list[str]:
    """The named packages that are in `sys.modules` after the statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps([n for n in {names!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_most_of_the_engine_is_light_and_every_exception_exists() -> None:
    """Otherwise the tests below could pass without testing anything."""
    everything, light = modules_of_the_engine(), light_modules()
    assert len(light) > len(everything) / 2
    assert {"busapp.engine.jobs", "busapp.engine.study.runs", "busapp.engine.validation.job"} <= set(light)
    assert {f"busapp.engine.{name}" for name in ONLY_JOBS_LOAD} <= set(everything)


def test_the_engine_loads_neither_a_framework_nor_qt() -> None:
    statement = "\n".join(f"import {module}" for module in light_modules())
    assert loaded_by(statement, *FRAMEWORKS, "PySide6", "pyqtgraph", "matplotlib", "onnxruntime", "ray") == []


def test_the_window_loads_no_framework() -> None:
    assert loaded_by("import busapp.gui.main_window", *FRAMEWORKS, "matplotlib", "skimage", "scipy", "pydicom") == []


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import busapp.cli", *FRAMEWORKS, "PySide6", "matplotlib", "sqlalchemy", "onnxruntime") == []


def test_a_diagnosis_never_loads_torch(tmp_path: Path) -> None:
    statement = (
        "from pathlib import Path\nfrom busapp.engine.models.model import Model\n"
        "from busapp.errors import BadModel\n"
        f"try: Model.load(Path({str(tmp_path / 'none.onnx')!r}))\nexcept BadModel: pass\n"
        "import onnxruntime, busapp.engine.diagnosis.diagnosis, busapp.engine.diagnosis.figure"
    )
    assert loaded_by(statement, *FRAMEWORKS, "PySide6") == []
