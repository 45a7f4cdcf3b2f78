"""A tiny demo: every part of it, stopped in the middle and resumed."""

from pathlib import Path

import pytest

from busapp.engine.demo import NAME, DemoPlan, run_demo
from busapp.engine.events import Event, Finished, GanEpochEnded, Progress
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

TINY = DemoPlan(
    counts={"benign": 9, "malignant": 8, "normal": 9},
    phantom_size=32,
    image_size=32,
    width=0.25,
    folds=2,
    epochs=1,
    generator_epochs=1,
    fold_generator_epochs=1,
)


def test_it_goes_on_where_it_stopped_and_leaves_a_study_a_model_and_a_report(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    job = run_demo(out, TINY)
    for event in job:
        if isinstance(event, GanEpochEnded):
            break
    job.close()
    with Workspace.open(out / "study") as workspace:
        imported = workspace.runs("import")[0].id

    events: list[Event] = list(run_demo(out, TINY))
    fractions = [event.done / event.total for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.result["accuracy"].keys() == {"system1", "system2"}

    with Workspace.open(Path(last.result["workspace"])) as workspace:
        assert workspace.phantoms and workspace.name == NAME
        assert [run.id for run in workspace.runs("import")] == [imported]
        assert workspace.catalog.counts("real") == {"benign": 9, "malignant": 8, "normal": 9}
        assert workspace.models() == [Path(last.result["model"])]
        for run in workspace.runs("validate"):
            result = run.result()
            assert result is not None and not any(result["leaks"].values())
    html = Path(last.result["report"]).read_text(encoding="utf-8")
    assert "simulated phantoms" in html and html.count("data:image/png;base64,") > 10
    assert len(list((out / "heatmaps").glob("*.png"))) == 1 and (out / "diagnosis.pdf").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="not empty"):
        list(run_demo(tmp_path, TINY))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    Workspace.create(tmp_path / "other" / "study").close()
    with pytest.raises(BadInput, match="no demo"):
        list(run_demo(tmp_path / "other", TINY))
