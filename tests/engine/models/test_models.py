"""Models as files: import, export, retirement, and the lists and accounts of models."""

import hashlib
import os
from pathlib import Path

import onnx
import pytest
from tiny_model import PROVENANCE, write_model

from busapp import paths
from busapp.engine.models.inspection import (
    Inspection,
    Unusable,
    export_model_file,
    inspect,
    inspect_all,
    inspection_lines,
    list_lines,
    listed,
)
from busapp.engine.models.library import find_model, import_model, list_models, name_of, restore, retire
from busapp.engine.models.model import Model
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_json
from busapp.errors import BadInput, BadModel


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped model with a card written by hand."""
    monkeypatch.setattr(paths, "models_dir", lambda: tmp_path / "shipped")
    path = write_model(tmp_path / "shipped" / "busi.onnx", temperature=1.5)
    path.with_suffix(".md").write_text("# A card for people\n", encoding="utf-8")
    return path


# -- files -------------------------------------------------------------------------------------------------


def test_models_are_listed_with_the_names_of_their_runs(empty_study: Workspace, shipped: Path) -> None:
    run = empty_study.new_run("validate", {}, "Ten folds")
    for number, stem in enumerate(("other", run.id)):
        os.utime(write_model(empty_study.models_dir / f"{stem}.onnx"), (1000 + number, 1000 + number))
    write_model(empty_study.models_dir / "retired" / f"{run.id}-2.onnx")
    assert [(m.name, m.origin, m.retired) for m in list_models(empty_study)] == [
        ("Ten folds", "this study", False),
        ("other", "this study", False),
        ("busi", "ships with busapp", False),
        ("Ten folds 2", "this study", True),
    ]
    assert list_models(empty_study)[2].sha256 == hashlib.sha256(shipped.read_bytes()).hexdigest()


def test_a_model_is_found_by_path_file_or_name(empty_study: Workspace, shipped: Path, tmp_path: Path) -> None:
    run = empty_study.new_run("validate", {}, "Ten folds")
    ours = write_model(empty_study.models_dir / f"{run.id}.onnx")
    for wanted in (str(ours), run.id, f"{run.id}.onnx", "Ten folds"):
        assert find_model(empty_study, wanted).path == ours
    elsewhere = write_model(tmp_path / "elsewhere.onnx")
    assert find_model(empty_study, str(elsewhere)).origin == "not of this study"
    with pytest.raises(BadInput, match="no such model"):
        find_model(empty_study, "none")
    write_model(empty_study.models_dir / "busi.onnx")
    with pytest.raises(BadInput, match="2 models of this name"):
        find_model(empty_study, "busi")


def test_an_imported_model_never_stands_on_another(empty_study: Workspace, shipped: Path, tmp_path: Path) -> None:
    first = import_model(empty_study, write_model(tmp_path / "in" / "m.onnx"))
    assert first.how == "imported" and first.file.path == empty_study.models_dir / "m.onnx"
    assert first.file.path.read_bytes() == (tmp_path / "in" / "m.onnx").read_bytes()
    before = first.file.path.read_bytes()
    again = import_model(empty_study, tmp_path / "in" / "m.onnx")
    assert (again.how, again.file.path) == ("already there", first.file.path)
    other = import_model(empty_study, write_model(tmp_path / "in" / "M.onnx", temperature=3.0))
    assert other.file.path.name == "M-2.onnx" and first.file.path.read_bytes() == before
    assert import_model(empty_study, shipped).file.origin == "ships with busapp"
    retire(empty_study, first.file)
    back = import_model(empty_study, tmp_path / "in" / "m.onnx")
    assert back.how == "brought back" and back.file.path == first.file.path
    assert len(empty_study.models()) == 2


def test_a_model_that_cannot_answer_is_not_imported(empty_study: Workspace, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.onnx")
    for value in (float("nan"), 1e38):
        changed = onnx.load(path)
        changed.graph.initializer[0].float_data[0] = value
        onnx.save(changed, tmp_path / "bad.onnx")
        Model.load(tmp_path / "bad.onnx")
        with pytest.raises(BadModel, match="not a number"):
            import_model(empty_study, tmp_path / "bad.onnx")
    assert not empty_study.models_dir.exists()


def test_a_disk_that_refuses_is_a_sentence(empty_study: Workspace, tmp_path: Path) -> None:
    empty_study.models_dir.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be written"):
        import_model(empty_study, write_model(tmp_path / "m.onnx"))


def test_a_retired_model_is_not_offered_and_comes_back(empty_study: Workspace, shipped: Path, tmp_path: Path) -> None:
    path = write_model(empty_study.models_dir / "m.onnx")
    content = path.read_bytes()
    gone = retire(empty_study, find_model(empty_study, "m"))
    assert gone.retired and gone.path.parent.name == "retired" and empty_study.models() == []
    for again in (lambda: retire(empty_study, gone), lambda: restore(empty_study, find_model(empty_study, "busi"))):
        with pytest.raises(BadInput, match="retired"):
            again()
    write_model(path, temperature=2.0)  # another of that name came meanwhile
    assert not find_model(empty_study, "m").retired and find_model(empty_study, "m", retired=True) == gone
    back = restore(empty_study, gone)
    assert back.path.name == "m-2.onnx" and not back.retired and back.path.read_bytes() == content
    with pytest.raises(BadInput, match="no longer there"):
        restore(empty_study, gone)
    with pytest.raises(BadInput, match="ships with busapp cannot be retired"):
        retire(empty_study, find_model(empty_study, "busi"))
    with pytest.raises(BadInput, match="does not belong to this study"):
        retire(empty_study, find_model(empty_study, str(write_model(tmp_path / "x.onnx"))))


def test_the_model_of_an_old_run_is_named_also_when_it_is_retired(empty_study: Workspace) -> None:
    validated = empty_study.new_run("validate", {}, "Ten folds")
    path = write_model(empty_study.models_dir / f"{validated.id}.onnx")
    run = empty_study.new_run("diagnose", {})
    write_json(run.folder / "result.json", {"model": str(path)})
    retired = retire(empty_study, find_model(empty_study, validated.id))
    used = Path((run.result() or {})["model"])
    assert name_of(empty_study, used) == "Ten folds (this study, retired)"
    retired.path.unlink()
    assert name_of(empty_study, used) == f"{validated.id} (no longer there)"


def test_a_model_goes_out_with_its_card(empty_study: Workspace, shipped: Path, tmp_path: Path) -> None:
    write_model(empty_study.models_dir / "m.onnx")
    ours = find_model(empty_study, "m")
    copy, card = export_model_file(ours, tmp_path / "out" / "for you.onnx")
    assert copy.read_bytes() == ours.path.read_bytes() and card == tmp_path / "out" / "for you.md"
    text = card.read_text(encoding="utf-8")
    assert "Research use only" in text and "55.0% to 88.0%" in text and ours.sha256 in text
    export_model_file(ours, copy)  # again, in the same place
    export_model_file(find_model(empty_study, "busi"), copy)
    assert card.read_text(encoding="utf-8") == "# A card for people\n"
    (tmp_path / "notes.md").write_text("mine", encoding="utf-8")
    for bad in (tmp_path / "notes.onnx", tmp_path / "m.txt", ours.path):
        with pytest.raises(BadInput):
            export_model_file(ours, bad)
    assert (tmp_path / "notes.md").read_text(encoding="utf-8") == "mine" and not (tmp_path / "notes.onnx").exists()
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(BadInput, match=r"folder\.onnx"):
        export_model_file(ours, tmp_path / "folder.onnx")


def test_a_model_is_looked_at_and_one_that_is_damaged_holds_up_no_list(empty_study: Workspace, shipped: Path) -> None:
    escape = {**PROVENANCE, "study": "\x1b[2Jours\u202e|x"}
    write_model(empty_study.models_dir / "m.onnx", provenance=escape)
    (empty_study.models_dir / "torn.onnx").write_bytes(b"torn")
    (empty_study.models_dir / "gone.onnx").symlink_to("nowhere")
    found = {entry.file.name: entry for entry in inspect_all(empty_study)}
    assert (
        isinstance(found["torn"], Unusable) and "damaged" in found["torn"].error and set(found) == {"m", "torn", "busi"}
    )
    write_model(empty_study.models_dir / "leaky.onnx", provenance={**PROVENANCE, "leaks": {"groups_split": 3}})
    lines = list_lines([listed(entry) for entry in inspect_all(empty_study)])
    assert [line.split(" ")[0] for line in lines if "which leaks" in line] == ["leaky"]
    ours = inspect(find_model(empty_study, "m"))
    words = "\n".join(inspection_lines(ours))
    for fact in ("benign 8", "32 × 32", "20 groups", "SHA-256", "55.0% to 88.0%", "phantoms", "Temperature: 1.000"):
        assert fact in words
    assert "\x1b" not in words and "\u202e" not in words and r"[2Jours \|x" in ours.as_markdown()
    assert isinstance(found["busi"], Inspection) and ours.as_json()["description"]["temperature"] == 1.0
