"""Arrows only run down: what may import what, proven on the source and in fresh interpreters."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "busapp"
HEAVY = ("torch", "torchvision", "tensorflow", "keras", "sklearn")
_DRAWING = (  # only jobs import these: they draw, or need the frameworks' packages
    "classifiers",
    "gan",
    "export.phone",
    "export.final_model",
    "report",
    "paper",
    "diagnosis.pages",
    "diagnosis.page_figure",
    "diagnosis.figure",
    "utils.figures",
    "images.secondary_capture",
)
LIGHT = sorted(
    module
    for path in (PACKAGE / "engine").rglob("*.py")
    for module in [".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")]
    if not any(f"{module}.".startswith(f"busapp.engine.{name}.") for name in _DRAWING)
)


def loaded_by(statement: str, *names: str) -> list[str]:
    """Which of the named packages are in `sys.modules` after the statement, in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps([n for n in {names!r} if n in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_engine_loads_neither_a_framework_nor_qt() -> None:
    statement = "\n".join(f"import {module}" for module in ("busapp.engine", *LIGHT))
    assert loaded_by(statement, *HEAVY, "PySide6", "pyqtgraph", "matplotlib", "onnxruntime") == []


def test_the_window_loads_no_framework() -> None:
    assert loaded_by("import busapp.gui.main_window", *HEAVY, "matplotlib", "skimage", "scipy", "pydicom") == []


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_by("import busapp.cli", *HEAVY, "PySide6", "matplotlib", "sqlalchemy", "onnxruntime") == []


def test_a_diagnosis_never_loads_torch(tmp_path: Path) -> None:
    statement = (
        "from pathlib import Path\nfrom busapp.engine.models.model import Model\n"
        "from busapp.errors import BadModel\n"
        f"try: Model.load(Path({str(tmp_path / 'none.onnx')!r}))\nexcept BadModel: pass\n"
        "import onnxruntime, busapp.engine.report.figures"
    )
    assert loaded_by(statement, *HEAVY, "PySide6") == []


def _imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also inside functions; not what only the type checker sees."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _is_below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


@pytest.mark.parametrize(
    ("libraries", "homes"),
    [
        (("torchvision",), ("engine/classifiers",)),
        (("torch",), ("engine/classifiers", "engine/gan", "engine/utils/devices.py")),
        (("keras", "tensorflow"), ("engine/gan", "engine/export/phone")),
        # The self-test shows a window: it stands above everything that it tries.
        (("PySide6", "pyqtgraph"), ("gui", "selftest.py")),
        (("ray",), ("engine/cluster.py",)),
    ],
)
def test_each_framework_lives_in_its_place(libraries: tuple[str, ...], homes: tuple[str, ...]) -> None:
    strangers = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in PACKAGE.rglob("*.py")
        if not any(path.is_relative_to(PACKAGE / home) for home in homes)
        for module in _imports(path)
        if any(_is_below(module, library) for library in libraries)
    ]
    assert strangers == []


_FACES = tuple(
    f"busapp.{name}"
    for name in ("cli", "gui", "__main__", "model_commands", "options", "terminal", "summaries", "selftest")
)
_JOBS = tuple(
    f"busapp.engine.{name}"
    for name in ("validation", "imports", "diagnosis", "export", "report", "demo", "comparison", "figures")
)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("engine", _FACES),
        ("engine/classifiers", (*_JOBS, "busapp.engine.gan")),
        (
            "engine/gan",
            (*_JOBS, "busapp.engine.synthesis.job", "busapp.engine.classifiers", "busapp.engine.export.phone"),
        ),
        ("engine/export/phone", ("busapp.engine.export.job", "busapp.engine.validation", "busapp.engine.classifiers")),
        ("gui", ("busapp.cli", "busapp.__main__", "busapp.terminal", "busapp.options")),
        ("gui", ("busapp.engine.classifiers", "busapp.engine.gan.dcgan", "busapp.engine.gan.training")),
    ],
)
def test_nothing_imports_what_stands_above_it(lower: str, upper: tuple[str, ...]) -> None:
    upwards = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in (PACKAGE / lower).rglob("*.py")
        for module in _imports(path)
        if any(_is_below(module, above) for above in upper)
    ]
    assert upwards == []


@pytest.mark.parametrize("name", ["errors", "paths", "engine/events"])
def test_the_lowest_modules_import_nothing_of_ours(name: str) -> None:
    assert [module for module in _imports(PACKAGE / f"{name}.py") if _is_below(module, "busapp")] == []
