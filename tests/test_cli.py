"""The command line's contract: exit codes, one line for each error, only JSON on stdout, and a clean stop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from measured_runs import add_validation
from tiny_model import write_model

import busapp
from busapp import cli, options
from busapp.engine import jobs
from busapp.engine.results.predictions import Prediction, write_predictions
from busapp.engine.settings import SETTINGS, JobSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_json


@pytest.fixture(autouse=True)
def _own_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("busapp.paths.log_dir", lambda: tmp_path / "log")


def run_cli(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def the_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The only line on stderr, after checking that stdout is empty and there is no traceback."""
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("Run ")]
    assert out == "" and len(lines) == 1 and lines[0].startswith("busapp: "), (out, err)
    return lines[0]


def test_import_and_curate_say_json_alone_on_stdout(
    phantom_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("import", phantom_folder, "--workspace", tmp_path / "w", "--json", "-") == 0
    first = json.loads(capsys.readouterr().out)
    assert first["imported"] == 24 and first["counts"] == {"benign": 8, "malignant": 8, "normal": 8}
    assert run_cli("import", phantom_folder, "--workspace", tmp_path / "w", "--json", tmp_path / "out.json") == 0
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["already_present"] == 24
    assert capsys.readouterr().out == ""
    assert run_cli("--workspace", tmp_path / "w", "curate", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["n_images"] == 24
    assert run_cli("curate", "--workspace", tmp_path / "w") == 0
    assert "24 images in" in capsys.readouterr().out


def test_the_class_of_single_images_is_given_with_class(phantom_folder: Path, tmp_path: Path) -> None:
    image = next((phantom_folder / "benign").glob("*).png"))
    assert run_cli("import", image, "--class", "cyst", "--workspace", tmp_path / "w") == 0
    workspace = Workspace.open(tmp_path / "w")
    assert workspace.catalog.classes() == ["cyst"]
    workspace.close()


def test_without_a_workspace_the_users_own_study_is_meant(phantom_folder: Path, tmp_path: Path) -> None:
    assert run_cli("import", phantom_folder) == 0
    assert (tmp_path / "study" / "study.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["validate", "--epochs", "0"], ["--epochs", "greater than or equal to 1", "busapp validate --help"]),
        (["validate", "--epochs", "many"], ["--epochs", "integer"]),
        (["validate", "--system", "none"], ["--system", "system1"]),
        (["synthesize"], ["--class is missing"]),
        (["import"], ["SOURCES"]),
        (["import", "/no/such/folder"], ["/no/such/folder"]),
        (["export", "no-such-run"], ["no-such-run"]),
        (["compare", "a", "b"], ["no such run", "(a)"]),
        (["figures", "a"], ["no such run", "(a)"]),
        (["report", "--out", "report.doc"], ["report.doc", ".html or .pdf"]),
        (["validate", "--resume", "no-such-run"], ["no-such-run"]),
        (["validate", "--resume", "x", "--epochs", "3"], ["--resume", "--epochs"]),
        (["no-such-command"], ["no-such-command", "busapp --help"]),
        (["--no-such-option"], ["--no-such-option"]),
        (["diagnose", "no-such-image.png"], ["no-such-image.png", "cannot be opened"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    phantom_study: Workspace, arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = arguments
    where = ["--workspace", str(phantom_study.root)]
    assert run_cli(*([first, *where, *rest] if not first.startswith("-") else arguments)) == 2
    line = the_line(capsys)
    assert all(word in line for word in words), line


def test_commands_other_than_import_need_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("curate", "--workspace", tmp_path / "none") == 2
    assert "no study" in the_line(capsys) and not (tmp_path / "none").exists()


def test_a_defect_is_one_line_that_names_the_log(
    phantom_study: Workspace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(jobs._JOBS, "curate", "busapp.engine.curation.job:no_such_function")
    assert run_cli("curate", "--workspace", phantom_study.root) == 1
    line = the_line(capsys)
    assert "AttributeError" in line and "log" in line
    assert "no_such_function" in caplog.text


@pytest.mark.parametrize("model", SETTINGS.values(), ids=str)
def test_every_setting_is_an_option_with_help(model: type[JobSettings]) -> None:
    made = options.parameters(model)
    assert [parameter.name for parameter in made] == list(model.model_fields)
    assert all(parameter.annotation.__metadata__[0].help for parameter in made)


def test_what_is_typed_becomes_settings_and_the_rest_keeps_its_default() -> None:
    typed = {"class_name": "normal", "preset": "published", "epochs": None, "leak": 0.1}
    settings = options.settings_from(SynthesizeSettings, typed)
    assert isinstance(settings, SynthesizeSettings)
    assert (settings.epochs, settings.leak) == (2500, 0.1)
    assert options.settings_from(ValidateSettings, {"epochs": None}) == ValidateSettings()
    assert [options.option_name(name) for name in ("class_name", "max_distance")] == ["--class", "--max-distance"]


def test_help_lists_every_command_and_version_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("--help") == 0
    out = capsys.readouterr().out
    assert all(
        f"  {name} " in out for name in (*SETTINGS, "compare", "report", "figures", "models", "demo", "selftest")
    )
    assert run_cli("synthesize", "--help") == 0
    assert "--class" in capsys.readouterr().out
    assert run_cli("--version") == 0
    assert busapp.__version__ in capsys.readouterr().out


def test_alone_it_opens_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path | None] = []

    def open_window(workspace: Path | None) -> int:
        opened.append(workspace)
        return 0

    monkeypatch.setattr(cli, "open_window", open_window)
    assert run_cli() == 0
    assert run_cli("--workspace", tmp_path) == 0
    assert opened == [None, tmp_path]


def test_reports_and_figures_are_written_where_it_is_said(
    phantom_study: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [add_validation(phantom_study, protocol=protocol) for protocol in ("published", "strict")]
    where = ("--workspace", phantom_study.root)
    assert run_cli("figures", runs[1].id, *where, "--out", tmp_path / "f", "--json", "-") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["runs"] == [runs[1].id] and all((tmp_path / "f" / name).exists() for name in said["files"])
    assert run_cli("report", *where, "--out", tmp_path / "r.pdf", "--run", runs[0].id) == 0
    assert str(tmp_path / "r.pdf") in capsys.readouterr().out
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no SIGINT to another process")
def test_ctrl_c_stops_after_the_step_at_hand_and_says_how_to_go_on(phantom_study: Workspace, tmp_path: Path) -> None:
    settings = ["--folds", "2", "--epochs", "500", "--image-size", "32", "--width", "0.25", "--no-pretrained"]
    command = [sys.executable, "-m", "busapp", "validate", *settings, "--workspace", str(phantom_study.root)]
    home = {name: str(tmp_path / "home") for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **home}
    )
    while process.poll() is None:
        time.sleep(0.1)
        runs = phantom_study.runs("validate")
        if runs and runs[0].checkpoint.exists():
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    run = phantom_study.runs("validate")[0]
    assert run.info.state == "cancelled" and out == ""
    assert f"busapp validate --resume {run.id}" in err and "Traceback" not in err


# -- compare -----------------------------------------------------------------------------------------------


def finished_run(workspace: Workspace, right: dict[str, bool], **changes: object) -> Run:
    """A finished validation run that got the named images right or wrong."""
    run = workspace.new_run("validate", ValidateSettings().model_dump(mode="json"))
    result = {
        "system": "system1",
        "protocol": "strict",
        "n_images": len(right),
        "n_groups": len(right),
        "n_synthetic": 0,
        "accuracy": sum(right.values()) / len(right),
        "accuracy_ci95": [0.1, 0.9],
        "sensitivity": {},
        "specificity": {},
        "auc": {},
        "leaks": {"groups_split": 0},
        "classes": ["benign", "normal"],
        "folds": [{"fold": 1, "train_accuracy": 1.0}],
        "train_accuracy": 1.0,
        "seed": 0,
        "switches": ValidateSettings().leaks.model_dump(),
        "epochs": 1,
        **changes,
    }
    write_json(run.folder / "result.json", result)
    rows = [
        Prediction(
            number,
            file,
            "0",
            number,
            1,
            "benign",
            name := "benign" if is_right else "normal",
            {"benign": float(name == "benign"), "normal": float(name == "normal")},
        )
        for number, (file, is_right) in enumerate(right.items())
    ]
    write_predictions(run, rows, ["benign", "normal"])
    run.info.state = "finished"
    run.save()
    return run


def test_compare_tests_the_common_images(empty_study: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"benign/{number}.png" for number in range(12)]
    first = finished_run(empty_study, {name: number >= 8 for number, name in enumerate(names)})
    second = finished_run(empty_study, dict.fromkeys(names[:10], True), system="system2", leaks={"groups_split": 3})
    assert run_cli("compare", first.id, second.id, "--workspace", empty_study.root, "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert [column["run"] for column in found["runs"]] == [first.id, second.id]
    (test,) = found["tests"]
    assert (test["n_common"], test["only_first_right"], test["only_second_right"]) == (10, 0, 8)
    assert test["difference"] == pytest.approx(0.8) and test["p_value"] == pytest.approx(2 / 2**8)
    assert run_cli("compare", first.id, second.id, "--workspace", empty_study.root) == 0
    out = capsys.readouterr().out
    assert (
        "+80.0 points (+50.0 to +100.0) on 10 common images in 10 groups" in out
        and "(McNemar on groups, exact)" in out
        and "leaks" in out
    )


def test_compare_needs_two_finished_runs(empty_study: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run(empty_study, {"a": True, "b": False})
    assert run_cli("compare", run.id, "--workspace", empty_study.root) == 2
    assert "two or more" in the_line(capsys)
    other = empty_study.new_run("validate", {})
    assert run_cli("compare", run.id, other.id, "--workspace", empty_study.root) == 2
    assert other.id in the_line(capsys)


def test_balancing_says_where_nothing_lacks(phantom_study: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--workspace", str(phantom_study.root)]
    assert run_cli("balance", *root) == 0
    assert capsys.readouterr().out == "No class lacks images: benign 8, malignant 8, normal 8.\n"
    ids = [image.id for image in phantom_study.catalog.images(class_name="normal")]
    phantom_study.catalog.exclude(ids[:3], "poor")
    assert run_cli("balance", *root) == 2
    assert "normal gets none: it has 5 real images and no generator" in capsys.readouterr().err


# -- models ------------------------------------------------------------------------------------------------


def test_a_model_comes_goes_and_is_retired(
    empty_study: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("busapp.paths.models_dir", lambda: tmp_path / "nothing ships")
    where = ("--workspace", empty_study.root)

    def said(*arguments: object) -> Any:
        assert run_cli("models", *arguments, *where, "--json", "-") == 0
        return json.loads(capsys.readouterr().out)

    assert run_cli("models", "list", *where) == 0
    assert "no model yet" in capsys.readouterr().out
    assert said("import", write_model(tmp_path / "tiny.onnx"))["how"] == "imported"
    assert said("import", tmp_path / "tiny.onnx")["how"] == "already there"
    (entry,) = said("list")["models"]
    assert (entry["name"], entry["retired"], entry["accuracy"]) == ("tiny", False, 0.75)
    assert said("show", "tiny")["sha256"] == entry["sha256"]
    assert run_cli("--workspace", empty_study.root, "models", "show", "tiny") == 0
    assert "Accuracy 75.0%, 95 % interval 55.0% to 88.0%" in capsys.readouterr().out
    out = tmp_path / "copy.onnx"
    assert said("export", "tiny", "--out", out) == {"model": str(out), "card": str(out.with_suffix(".md"))}
    assert said("retire", "tiny")["retired"] and empty_study.models() == []
    assert run_cli("models", "list", *where) == 0
    assert "tiny (this study, retired): accuracy 75.0% (55.0% to 88.0%)" in capsys.readouterr().out
    assert said("restore", "tiny") == {"model": str(empty_study.models_dir / "tiny.onnx"), "retired": False}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "none"], ["no such model", "(none)", "busapp models list"]),
        (["import", "torn.onnx"], ["damaged", "torn.onnx", "that busapp exported"]),
        (["import", "missing.onnx"], ["cannot be opened", "missing.onnx"]),
        (["export", "torn.onnx"], ["--out"]),
        (["export", "torn.onnx", "--out", "copy.onnx"], ["damaged"]),
        (["retire", "torn.onnx"], ["does not belong to this study"]),
        (["restore", "torn.onnx"], ["not retired"]),
        (["no-such"], ["no-such"]),
        ([], ["busapp COMMAND --help"]),
    ],
)
def test_what_is_no_model_is_one_line(
    empty_study: Workspace,
    tmp_path: Path,
    arguments: list[str],
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torn.onnx").write_bytes(b"torn")
    assert run_cli("--workspace", empty_study.root, "models", *arguments) == 2
    line = the_line(capsys)
    assert all(word in line for word in words), line
