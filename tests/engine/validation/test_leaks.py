"""The measurement of leaks: the runs that it needs, that none is trained twice, and that the steps add up."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulling import pull, result_of

from busapp.engine import estimates, jobs
from busapp.engine.catalog import FoundPair
from busapp.engine.events import CheckpointSaved, EpochEnded, Event, Finished, FoldEnded, Note, Progress
from busapp.engine.settings import LeaksSettings, ValidateSettings
from busapp.engine.settings.recipes import RECIPES
from busapp.engine.settings.systems import possible_leaks
from busapp.engine.study.splits import groups_split, make_folds, select
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.fixed_parts import Study
from busapp.engine.validation.reuse import find_runs
from busapp.errors import CannotResume, NotEnoughImages
from busapp.summaries import summary

TINY: dict[str, Any] = {
    "folds": 2,
    "epochs": 1,
    "image_size": 32,
    "width": 0.25,
    "batch_size": 8,
    "learning_rate": 0.003,
    "pretrained": False,
}


def tiny(**changes: Any) -> LeaksSettings:
    return LeaksSettings.model_validate(TINY | changes)


def states(study: Workspace) -> dict[str, str]:
    """States of the validation runs, by name."""
    return {run.info.name: run.info.state for run in study.runs("validate")}


def find_pairs(workspace: Workspace) -> None:
    """A pair of near-duplicates with different classes, and three pairs without conflict."""
    images = workspace.catalog.images()
    benign = [image for image in images if image.class_name == "benign"]
    malignant = [image for image in images if image.class_name == "malignant"]
    alike = [(benign[0], malignant[0]), *zip(benign[1:7:2], benign[2:8:2], strict=True)]
    pairs = [FoundPair(first.id, second.id, 0.99, "looks alike") for first, second in alike]
    workspace.catalog.set_curation([image.id for image in images], pairs, {}, {})


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """24 phantoms with the pairs of `find_pairs`."""
    find_pairs(phantom_study)
    return phantom_study


@pytest.fixture(scope="module")
def measured(
    _phantom_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workspace, list[Event]]]:
    """Such a study, and the events of its measurement. Not to be changed."""
    root = tmp_path_factory.mktemp("measured") / "study"
    shutil.copytree(_phantom_template, root)
    with pytest.MonkeyPatch.context() as patch, Workspace.open(root) as workspace:
        patch.setattr("busapp.paths.user_data_dir", lambda: root.parent)
        find_pairs(workspace)
        yield workspace, pull(jobs.start(workspace, tiny()))


PUBLISHED, STRICT = "system1, published", "system1, strict"
CARRIED, SPLIT = "system1, with weights carried over", "system1, with near-duplicates split"
KEPT = "system1, with conflicting duplicates kept"
SPLIT_AND_KEPT = "system1, with near-duplicates split and conflicting duplicates kept"


@pytest.mark.parametrize(("system", "n_leaks", "n_runs"), [("existing", 2, 4), ("system1", 3, 6), ("system2", 4, 8)])
def test_each_step_closes_one_leak_and_what_both_parts_need_is_needed_once(
    system: str, n_leaks: int, n_runs: int
) -> None:
    settings = tiny(system=system)
    leaks = possible_leaks(settings.system)
    assert len(leaks) == n_leaks and len(settings.validations) == n_runs

    def leaking(validation: ValidateSettings) -> list[str]:
        return [name for name in leaks if getattr(validation.leaks, name)]

    assert [leaking(each) for each in settings.waterfall] == [leaks[closed:] for closed in range(n_leaks + 1)]
    assert [leaking(each) for each in settings.alone] == [[name] for name in leaks]
    assert len({each.subject for each in settings.validations}) == n_runs
    assert (settings.waterfall[0].protocol, settings.waterfall[-1].leaks) == ("published", ValidateSettings().leaks)
    for each in settings.validations:
        same = set(LeaksSettings.model_fields)
        assert each.model_dump(include=same) == settings.model_dump()


def test_each_leak_is_a_switch_of_its_own_in_the_images_and_their_division(study: Workspace) -> None:
    conflicting = {image_id for pair in study.catalog.conflicts() for image_id in pair}
    for split in (False, True):
        for keep in (False, True):
            for carry in (False, True):
                settings = ValidateSettings.model_validate(
                    TINY | {"split_duplicates": split, "keep_conflicts": keep, "carry_weights": carry}
                )
                selection = select(study, settings)
                used = {record.id for record in selection.records}
                assert conflicting <= used if keep else conflicting.isdisjoint(used)
                assert (selection.conflicts, selection.set_aside) == ((1, 0) if keep else (0, 2))
                folds = make_folds(selection, settings)
                assert bool(groups_split(folds, selection.groups)) == split


def test_the_steps_add_up_and_every_run_is_one_of_the_study(measured: tuple[Workspace, list[Event]]) -> None:
    study, events = measured
    result = result_of(events)
    assert states(study) == dict.fromkeys([PUBLISHED, SPLIT_AND_KEPT, KEPT, STRICT, CARRIED, SPLIT], "finished")
    names = {run.id: run.info.name for run in study.runs("validate")}
    steps, alone = result["steps"], result["alone"]
    assert [names[step["run"]] for step in steps] == [PUBLISHED, SPLIT_AND_KEPT, KEPT, STRICT]
    assert [names[each["run"]] for each in alone] == [CARRIED, SPLIT, KEPT]
    assert [step["leak"] for step in steps] == ["", "carry_weights", "split_duplicates", "keep_conflicts"]
    assert (names[result["published"]], names[result["strict"]]) == (PUBLISHED, STRICT)
    total = sum(step["difference"] for step in steps[1:])
    assert total == pytest.approx(steps[-1]["accuracy"] - steps[0]["accuracy"])
    assert [step["n_images"] for step in steps] == [24, 24, 24, 22]
    assert [step["n_common"] for step in steps] == [None, 24, 24, 22]
    assert [step["same_folds"] for step in steps] == [None, True, False, False]
    assert alone[0]["difference"] == pytest.approx(alone[0]["accuracy"] - steps[-1]["accuracy"])
    for entry in [*steps[1:], *alone]:
        low, high = entry["paired_ci95"]
        assert low <= entry["paired_difference"] <= high
        if entry["n_common"] == entry["n_images"] == 24:
            assert entry["paired_difference"] == pytest.approx(entry["difference"])
    assert set(result["picked_epoch"].values()) == {0.0}, "with one epoch there is none to pick"

    progress = [event for event in events if isinstance(event, Progress) and event.what.startswith("run ")]
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert progress[0].done == 0 and "run 1 of 6 · " in progress[0].what and "run 6 of 6" in progress[-1].what
    assert sum(isinstance(event, FoldEnded) for event in events) == 12
    for run in study.runs("validate"):
        assert any(isinstance(event, Finished) for event in run.events())


def test_the_summary_says_all_of_it_in_points(measured: tuple[Workspace, list[Event]]) -> None:
    result = result_of(measured[1])
    lines = summary("leaks", result)
    points = 100 * (result["steps"][0]["accuracy"] - result["steps"][-1]["accuracy"])
    assert lines[0].startswith("system1: published") and f"are worth {points:.1f} points" in lines[0]
    table = [line for line in lines if "-validate" in line]
    assert len(table) == 7 and sum("weights carried over" in line for line in table) == 2
    assert len({line.index("2", line.rindex("   ")) for line in table}) == 1, "the last column is aligned"


def test_a_run_that_the_study_has_is_not_trained_again_however_it_was_spelt(study: Workspace) -> None:
    spelt = {"protocol": "published", "carry_weights": False, "split_duplicates": False, "keep_conflicts": False}
    for changes in (
        spelt | {"weights_file": "elsewhere.pth"},
        {"protocol": "published", "generator_epochs": 7},
        {"protocol": "strict", "seed": 1},
        {"protocol": "strict", "recipe": "careful", "keep_conflicts": True},
    ):
        pull(jobs.start(study, ValidateSettings.model_validate(TINY | changes)))
    strict_run, published_run = study.runs("validate")[3].id, study.runs("validate")[2].id
    expected, one = (estimates.estimate(each, study) for each in (tiny(), tiny().waterfall[0]))
    assert expected is not None and one is not None
    assert expected.seconds == pytest.approx(4 * one.seconds)
    events = pull(jobs.start(study, tiny()))
    result = result_of(events)
    assert (result["strict"], result["published"]) == (strict_run, published_run)
    assert len(study.runs("validate")) == 4 + 4
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("6 cross-validations are needed; the study already has 2. To be trained: 4" in text for text in notes)

    again = pull(jobs.start(study, tiny()))
    assert result_of(again) == result and not any(isinstance(event, EpochEnded) for event in again)
    after = estimates.estimate(tiny(), study)
    assert after is not None and after.seconds == 0


def test_only_the_same_work_on_the_same_images_is_the_same_run(study: Workspace) -> None:
    wanted = ValidateSettings.model_validate(TINY)
    pull(jobs.start(study, wanted))

    def found(stages: int | None = None, **changes: Any) -> bool:
        return find_runs(study, [ValidateSettings.model_validate(TINY | changes)], [stages]) != [None]

    assert found() and found(stages=0) and found(carry_weights=False, generator_preset="published")
    assert not found(stages=7)
    for changes in (
        {"epochs": 2},
        {"folds": 3},
        {"seed": 1},
        {"equalise": True},
        {"framing": "centre"},
        {"denoise": True},
        {"segment": True},
        {"learning_rate": 0.001},
        {"recipe": "careful"},
        {"system": "existing"},
        {"keep_conflicts": True},
    ):
        assert not found(**changes), changes
    normal = study.catalog.images(class_name="normal")[0]
    study.catalog.exclude([normal.id], "blurred")
    assert not found()
    study.catalog.undo()
    assert found()
    run = study.runs("validate")[0]
    run.info.busapp = "0.0.1"
    run.save()
    assert not found()


@pytest.mark.parametrize("finished", [True, False])
def test_a_run_by_what_the_recipe_was_before_is_not_the_same_run(
    study: Workspace, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    wanted = ValidateSettings.model_validate(TINY | {"recipe": "careful", "epochs": 2})
    pull(jobs.start(study, wanted), until=lambda event: isinstance(event, EpochEnded) and not finished)
    assert find_runs(study, [wanted], [0]) != [None] == find_runs(study, [wanted], [7])
    monkeypatch.setitem(RECIPES, "careful", RECIPES["careful"].model_copy(update={"label_smoothing": 0.2}))
    assert find_runs(study, [wanted], [0]) == [None]


def test_cancelled_in_the_middle_it_goes_on_with_the_run_that_was_at_work(study: Workspace) -> None:
    settings = tiny(epochs=2)
    stop = pull(
        jobs.start(study, settings),
        until=lambda e: isinstance(e, CheckpointSaved) and e.fold == 2 and "finished" in states(study).values(),
    )
    assert isinstance(stop[-1], CheckpointSaved)
    (leaks,) = study.runs("leaks")
    assert leaks.info.state == "cancelled" and leaks.can_resume
    assert states(study) == {PUBLISHED: "finished", SPLIT_AND_KEPT: "cancelled"}
    begun = [run.id for run in study.runs("validate")]

    events = pull(jobs.resume(study, leaks.id))
    result = result_of(events)
    assert len(study.runs("validate")) == 6
    assert [result["steps"][1]["run"], result["steps"][0]["run"]] == begun
    first = next(event for event in events if isinstance(event, EpochEnded))
    assert (first.fold, first.epoch) == (2, 1), "the fold that was finished is not trained again"


def test_a_run_that_belongs_to_it_is_known_even_where_an_image_cannot_be_read(study: Workspace) -> None:
    image = study.catalog.images(class_name="normal")[0]
    study.image_path(image).write_bytes(b"damaged")
    pull(jobs.start(study, tiny()), until=lambda e: isinstance(e, FoldEnded) and len(states(study)) == 2)
    pull(jobs.resume(study, study.runs("leaks")[0].id))
    assert len(study.runs("validate")) == 6


def test_it_does_not_go_on_with_another_dataset(study: Workspace) -> None:
    pull(jobs.start(study, tiny()), until=lambda event: isinstance(event, EpochEnded))
    study.catalog.exclude([study.catalog.images(class_name="normal")[0].id], "blurred")
    with pytest.raises(CannotResume, match="dataset has changed"):
        pull(jobs.resume(study, study.runs("leaks")[0].id))
    study.catalog.undo()
    result_of(pull(jobs.resume(study, study.runs("leaks")[0].id)))
    assert len(study.runs("validate")) == 6


def test_a_division_that_cannot_be_made_is_said_before_anything_is_trained(study: Workspace) -> None:
    with pytest.raises(NotEnoughImages, match="benign has 4 groups"):
        pull(jobs.start(study, tiny(folds=5)))
    assert study.runs("validate") == []


def test_a_study_that_was_not_checked_is_checked_first(phantom_study: Workspace) -> None:
    events = pull(jobs.start(phantom_study, tiny(system="existing")))
    assert any(isinstance(event, Note) and "curated first" in event.text for event in events)
    assert phantom_study.changed_since(phantom_study.runs("leaks")[0]) == []
    assert len(phantom_study.runs("validate")) == 4
    assert [step["leak"] for step in result_of(events)["steps"]] == ["", "split_duplicates", "keep_conflicts"]


def test_one_generator_for_all_folds_is_a_switch_of_its_own(study: Workspace) -> None:
    malignant = study.catalog.images(class_name="malignant")
    study.catalog.exclude([image.id for image in malignant[6:]], "to make the class rare")
    settings = tiny(system="system2")

    def begun(validation: ValidateSettings) -> Study:
        selection, everything = select(study, validation), tuple(study.catalog.images(kind="real"))
        folds, run = make_folds(selection, validation), study.new_run("validate", {})
        return Study(study, validation, run, selection, everything, folds)

    strict, alone = begun(settings.waterfall[-1]), begun(settings.alone[-1])
    assert alone.fingerprint == strict.fingerprint
    for one, other in zip(alone.folds, strict.folds, strict=True):
        assert one.test.tolist() == other.test.tolist()
    assert any("2 of 2 generators have to be trained" in said for said in strict.notes())
    assert any("1 of 1 generators have to be trained" in said for said in alone.notes())


KILLED = """
import sys
from pathlib import Path
from busapp.engine import jobs
from busapp.engine.settings import LeaksSettings
from busapp.engine.study.workspace import Workspace

workspace = Workspace.open(Path(sys.argv[1]))
for event in jobs.start(workspace, LeaksSettings.model_validate_json(sys.argv[2])):
    print(event, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_killed_in_the_middle_it_goes_on_to_the_same_numbers(study: Workspace) -> None:
    settings = tiny(epochs=2)
    command = [sys.executable, "-c", KILLED, str(study.root), settings.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        saved = 0
        for line in process.stdout:
            saved += line.startswith("CheckpointSaved(epoch=1, fold=2")
            if saved == 2:  # in the second fold of the second run
                process.send_signal(signal.SIGKILL)
                break
    (leaks,) = study.runs("leaks")
    assert leaks.info.state == "interrupted"
    assert sorted(run.info.state for run in study.runs("validate")) == ["finished", "interrupted"]
    resumed = result_of(pull(jobs.resume(study, leaks.id)))["steps"][1]
    assert len(study.runs("validate")) == 6
    undisturbed = result_of(pull(jobs.start(study, settings.waterfall[1])))
    assert [resumed[name] for name in ("accuracy", "accuracy_ci95")] == [
        undisturbed[name] for name in ("accuracy", "accuracy_ci95")
    ]
