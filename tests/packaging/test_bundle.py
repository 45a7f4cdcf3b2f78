"""Checks of the bundle without building it: its recipe is sound, and everything that it names exists."""

import ast
import importlib.util
from pathlib import Path

import pytest

from busapp import paths
from busapp.engine import jobs

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "build.spec"


@pytest.fixture(scope="module")
def spec() -> str:
    if not SPEC.is_file():
        pytest.skip("build.spec lies in the repository only")
    return SPEC.read_text(encoding="utf-8")


def test_the_recipe_makes_one_folder_without_upx_or_console(spec: str) -> None:
    calls = {
        call.func.id: {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}
        for call in ast.walk(ast.parse(spec))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    }
    assert calls["EXE"]["console"] == "False" and calls["EXE"]["exclude_binaries"] == "True"
    assert calls["EXE"]["upx"] == calls["COLLECT"]["upx"] == "False"
    assert "BUNDLE" in calls


def test_what_it_takes_along_is_there(spec: str) -> None:
    for folder in ("resources", "models"):
        assert f'(str(ROOT / "{folder}"), "{folder}")' in spec
        assert (ROOT / folder).is_dir()
    assert (ROOT / "busapp" / "__main__.py").is_file()


def test_a_bundle_looks_for_its_resources_where_the_recipe_puts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert paths.resources_dir() == tmp_path / "resources" and paths.models_dir() == tmp_path / "models"


@pytest.mark.parametrize("target", jobs._JOBS.values())
def test_every_job_that_is_named_as_a_string_is_a_module_of_the_package(target: str) -> None:
    module, _, _ = target.partition(":")
    assert module.startswith("busapp.") and importlib.util.find_spec(module) is not None
