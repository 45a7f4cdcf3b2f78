"""The folds are a part of a run: whatever a library makes of the same seed today, no network is tested on images that
it was trained on."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import older_sklearn
import pytest
import torch
from pulling import pull, result_of, texts

from busapp.engine import jobs, ray_cluster
from busapp.engine.catalog import FoundPair
from busapp.engine.classifiers import training
from busapp.engine.classifiers.training import Learner
from busapp.engine.events import CheckpointSaved, EpochEnded, Event, FoldEnded
from busapp.engine.results.predictions import read_predictions
from busapp.engine.settings import LeaksSettings, ValidateSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import fold_numbers, folds_numbered, make_folds, select
from busapp.engine.study.stored_folds import FILE, store_folds, stored_folds
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.reuse import find_runs
from busapp.errors import CannotResume

TINY: dict[str, Any] = {
    "folds": 3,
    "epochs": 2,
    "image_size": 32,
    "width": 0.25,
    "batch_size": 8,
    "learning_rate": 0.003,
    "pretrained": False,
}


def tiny(**changes: Any) -> ValidateSettings:
    return ValidateSettings.model_validate({**TINY, **changes})


def the_run(workspace: Workspace) -> Run:
    return workspace.runs("validate")[0]


def numbers(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "seconds"}


def is_epoch(fold: int, epoch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, EpochEnded) and (event.fold, event.epoch) == (fold, epoch)


def is_fold(fold: int) -> Callable[[Event], bool]:
    """True for the checkpoint that follows the end of a fold."""
    return lambda event: isinstance(event, CheckpointSaved) and (event.fold, event.epoch) == (fold + 1, 0)


def join_pairs(workspace: Workspace) -> None:
    """Make 12 of 24 images six pairs of near-duplicates."""
    images = workspace.catalog.images()
    alike = [(images[8 * place + n], images[8 * place + n + 1]) for place in range(3) for n in (0, 2)]
    pairs = [FoundPair(first.id, second.id, 0.99, "looks alike") for first, second in alike]
    workspace.catalog.set_curation([image.id for image in images], pairs, {}, {})


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """24 phantoms, 12 of which are in pairs of near-duplicates."""
    join_pairs(phantom_study)
    return phantom_study


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """scikit-learn divides as version 1.7 until `undo`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sklearn.model_selection.StratifiedGroupKFold", older_sklearn.StratifiedGroupKFold)
        yield patch


# -- begun with one scikit-learn, resumed with another -----------------------------------------------------------------

KILLED = """
import json, os, sys
from pathlib import Path
import older_sklearn, sklearn.model_selection
import busapp.paths
sklearn.model_selection.StratifiedGroupKFold = older_sklearn.StratifiedGroupKFold
from busapp.engine import jobs
from busapp.engine.classifiers.training import Learner
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.workspace import Workspace
trained, train, left = [], Learner.train_one_epoch, []
def watched(self, store, labels, chosen, fold, epoch):
    trained.append([fold, chosen.tolist()])
    return train(self, store, labels, chosen, fold, epoch)
Learner.train_one_epoch = watched
for root, settings, until in json.loads(sys.argv[1]):
    busapp.paths.user_data_dir = lambda: Path(root).parent
    left.append(jobs.start(Workspace.open(Path(root)), ValidateSettings.model_validate(settings)))
    for event in left[-1]:
        if [type(event).__name__, getattr(event, "fold", 0), getattr(event, "epoch", 0)] == until:
            break
    else:
        sys.exit(f"{until} never came")
    print(json.dumps(trained), flush=True)
    trained.clear()
os._exit(9)  # no finally, no atexit: as after kill -9
"""

BEGUN: list[tuple[dict[str, Any], tuple[str, int, int]]] = [
    ({}, ("FoldEnded", 1, 0)),
    ({}, ("EpochEnded", 2, 1)),
    ({"recipe": "careful"}, ("EpochEnded", 3, 1)),
    ({"system": "existing"}, ("EpochEnded", 1, 1)),
]
"""Changes of the settings, and the event at which the run is killed."""


@pytest.fixture(scope="module")
def killed(_phantom_template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, list[Any]]]:
    """For each run of `BEGUN`, the study in which a process that was killed began it, and what it was trained on. One
    process begins all of them, because it takes seconds to start."""
    roots = [tmp_path_factory.mktemp("killed") / "study" for _ in BEGUN]
    for root in roots:
        shutil.copytree(_phantom_template, root)
        with Workspace.open(root) as workspace:
            join_pairs(workspace)
    begun = [
        (str(root), tiny(**changes).model_dump(mode="json"), until)
        for root, (changes, until) in zip(roots, BEGUN, strict=True)
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, json.dumps(begun)]
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert child.returncode == 9, child.stderr
    return list(zip(roots, map(json.loads, child.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("number", range(len(BEGUN)), ids=["fold", "epoch", "careful", "existing"])
def test_a_run_begun_by_an_older_scikit_learn_tests_each_image_once_and_never_one_it_was_trained_on(
    killed: list[tuple[Path, list[Any]]], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    settings = tiny(**BEGUN[number][0])
    root, trained = killed[number]
    study = Workspace.open(root)
    train = Learner.train_one_epoch

    def watched(self: Learner, store: Any, labels: Any, chosen: Any, fold: int, epoch: int) -> Any:
        trained.append((fold, chosen.tolist()))
        return train(self, store, labels, chosen, fold, epoch)

    monkeypatch.setattr(Learner, "train_one_epoch", watched)
    result = result_of(pull(jobs.resume(study, the_run(study).id)))

    selection = select(study, settings)
    rows = read_predictions(the_run(study))
    ids = [row.image_id for row in rows]
    assert len(set(ids)) == len(ids) == (len(ids) if settings.system == "existing" else 24)
    assert {fold for fold, _ in trained} == {row.fold for row in rows}
    for row in rows:
        seen = {selection.records[n].group for fold, chosen in trained if fold == row.fold for n in chosen}
        assert row.group not in seen
    assert result["leaks"]["groups_split"] == 0
    now = fold_numbers(make_folds(selection, settings), 24).tolist()
    assert now != fold_numbers(stored_folds(the_run(study), selection)[0], 24).tolist(), "the two versions agree here"
    study.close()


def test_a_series_that_goes_on_has_the_same_folds_in_all_its_runs(study: Workspace, older: pytest.MonkeyPatch) -> None:
    settings = LeaksSettings.model_validate({**TINY, "epochs": 1})
    # The second run, with near-duplicates split, is at work; the strict ones come after it.
    pull(jobs.start(study, tiny(epochs=1, carry_weights=True)))
    pull(jobs.start(study, settings), until=lambda event: isinstance(event, FoldEnded))
    older.undo()
    events = pull(jobs.resume(study, study.runs("leaks")[0].id))
    result = result_of(events)
    carried = next(entry for entry in result["alone"] if entry["leak"] == "carry_weights")
    assert carried["same_folds"] is True
    strict = next(run for run in study.runs("validate") if run.id == result["strict"])
    selection = select(study, tiny())
    made_now = make_folds(selection, tiny())
    assert fold_numbers(stored_folds(strict, selection)[0], 24).tolist() != fold_numbers(made_now, 24).tolist()


@pytest.mark.parametrize("has_file", [True, False], ids=["stored", "of an earlier version"])
def test_a_new_run_is_divided_as_an_earlier_one(study: Workspace, older: pytest.MonkeyPatch, has_file: bool) -> None:
    pull(jobs.start(study, tiny(epochs=1)))
    first = the_run(study)
    if not has_file:
        (first.folder / FILE).unlink()
    older.undo()
    events = pull(jobs.start(study, tiny(epochs=1, recipe="careful")))
    assert f"The images are divided into the same folds as in the run {first.id}." in texts(events)

    def folds(run: Run) -> dict[int, int]:
        return {row.image_id: row.fold for row in read_predictions(run)}

    assert folds(the_run(study)) == folds(first)
    others = pull(jobs.start(study, tiny(epochs=1, seed=1))) + pull(jobs.start(study, tiny(epochs=1, folds=2)))
    assert not any("same folds" in text for text in texts(others))
    image = study.catalog.images(class_name="normal")[7]
    study.catalog.exclude([image.id], "blurred")
    assert not any("same folds" in text for text in texts(pull(jobs.start(study, tiny(epochs=1)))))


# -- stored folds that do not fit --------------------------------------------------------------------------------------


@pytest.fixture
def stopped(study: Workspace) -> Run:
    """Fold 1 of 3 is finished."""
    pull(jobs.start(study, tiny()), until=is_fold(1))
    return study.run(the_run(study).id)


def _without(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_text(path.read_text()[:-10])


def _swapped(path: Path) -> None:
    """Two images change places between folds 2 and 3."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    second, third = (next(row for row in rows if row["fold"] == fold) for fold in "23")
    second["fold"], third["fold"] = third["fold"], second["fold"]
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _of_other_images(path: Path) -> None:
    path.write_text(path.read_text().replace(",benign,", ",normal,"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without, "folds of the run cannot be read"),
        (_cut, "folds of the run cannot be read|about other images"),
        (_swapped, "not those that its checkpoint was made with"),
        (_of_other_images, "about other images or groups"),
    ],
)
def test_folds_that_were_changed_are_never_gone_on_with(
    study: Workspace, stopped: Run, damage: Callable[[Path], None], said: str
) -> None:
    damage(stopped.folder / FILE)
    order = {"run_id": stopped.id}
    for resumed in (jobs.resume(study, stopped.id), ray_cluster._job(study.root, study.catalog.fingerprint(), order)):
        with pytest.raises(CannotResume, match=f"({said}).*Start a new run"):
            pull(resumed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("groups", "images of one group in both training and test"),
        ("fewer", "not those of its settings"),
        ("untested", "not those of its settings"),
        ("tested", "has tested other images"),
    ],
)
def test_folds_are_checked_even_if_checkpoint_and_file_agree(
    study: Workspace, stopped: Run, change: str, said: str
) -> None:
    selection = select(study, tiny())
    found = fold_numbers(stored_folds(stopped, selection)[0], 24)
    groups = selection.groups
    if change == "groups":
        pair = next(
            np.flatnonzero(groups == g) for g in groups if (groups == g).sum() > 1 and found[groups == g][0] > 1
        )
        found[pair[0]] = 5 - found[pair[0]]
    elif change == "fewer":
        found[found == 3] = 2
    elif change == "untested":
        found[np.flatnonzero(found == 3)[0]] = 0
    else:
        alone = [n for n in range(24) if (groups == groups[n]).sum() == 1]
        found[next(n for n in alone if found[n] == 1)] = 2
    digest = store_folds(stopped, selection, folds_numbered(found))
    arrays, header = load_checkpoint(stopped.checkpoint)
    save_checkpoint(stopped.checkpoint, arrays, {**header, "folds": digest})
    with pytest.raises(CannotResume, match=said):
        pull(jobs.resume(study, stopped.id))


# -- runs of earlier versions ------------------------------------------------------------------------------------------


def as_earlier(run: Run) -> None:
    """Make a run like one that stored no folds."""
    (run.folder / FILE).unlink()
    arrays, header = load_checkpoint(run.checkpoint)
    newer = ("folds", "devices", "pixels")
    save_checkpoint(
        run.checkpoint,
        {name: array for name, array in arrays.items() if not name.startswith("first/")},
        {name: value for name, value in header.items() if name not in newer},
    )


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({}, lambda event: isinstance(event, CheckpointSaved)),
        ({}, is_epoch(1, 1)),
        ({}, is_fold(1)),
        ({"system": "existing"}, is_epoch(1, 1)),
    ],
)
def test_a_run_of_an_earlier_version_whose_folds_are_not_known_is_refused(
    study: Workspace, changes: dict[str, Any], until: Callable[[Event], bool]
) -> None:
    pull(jobs.start(study, tiny(**changes)), until=until)
    run = the_run(study)
    as_earlier(run)
    with pytest.raises(CannotResume, match=r"earlier version .* did not store its folds.*\. Start a new run"):
        pull(jobs.resume(study, run.id))
    assert find_runs(study, [tiny(**changes)]) == [None], "nor does a series try to"


@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({}, is_fold(2)),
        ({}, is_epoch(3, 1)),
        ({}, is_fold(3)),
        ({"system": "existing"}, is_fold(1)),
        ({"protocol": "published"}, is_epoch(3, 1)),
    ],
)
def test_a_run_of_an_earlier_version_goes_on_if_its_tests_tell_its_folds(
    study: Workspace, older: pytest.MonkeyPatch, changes: dict[str, Any], until: Callable[[Event], bool]
) -> None:
    whole = result_of(pull(jobs.start(study, tiny(**changes))))
    shutil.rmtree(the_run(study).folder)
    pull(jobs.start(study, tiny(**changes)), until=until)
    run = the_run(study)
    as_earlier(run)
    older.undo()
    pull(jobs.resume(study, run.id), until=lambda event: isinstance(event, CheckpointSaved))
    assert numbers(result_of(pull(jobs.resume(study, run.id)))) == numbers(whole)


def test_a_run_of_an_earlier_version_that_was_resumed_before_may_have_other_folds(study: Workspace) -> None:
    pull(jobs.start(study, tiny()), until=is_fold(1))
    run = the_run(study)
    pull(jobs.resume(study, run.id), until=is_fold(2))
    as_earlier(run)
    with pytest.raises(CannotResume, match="did not store its folds"):
        pull(jobs.resume(study, run.id))


def test_a_finished_run_of_an_earlier_version_keeps_its_numbers(study: Workspace) -> None:
    result = result_of(pull(jobs.start(study, tiny(epochs=1))))
    run = the_run(study)
    as_earlier(run)
    assert study.run(run.id).result() == result
    assert find_runs(study, [tiny(epochs=1)])[0] is not None


# -- everything else that may be another when a run is resumed ---------------------------------------------------------


def test_every_fold_begins_with_the_same_weights_whatever_torch_draws(
    study: Workspace, stopped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = result_of(pull(jobs.start(study, tiny())))
    build = training.build

    def another(*arguments: Any) -> torch.nn.Module:
        network = build(*arguments)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.5)
        return network

    monkeypatch.setattr(training, "build", another)
    assert numbers(result_of(pull(jobs.resume(study, stopped.id)))) == numbers(whole)


def test_another_device_or_other_pixels_are_told(
    study: Workspace, stopped: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(until: Callable[[Event], bool]) -> list[str]:
        events = pull(jobs.resume(study, stopped.id), until)
        return [text for text in texts(events) if "From here on, its numbers may differ" in text]

    assert told(is_epoch(2, 1)) == [], "nothing has changed"
    monkeypatch.setattr("busapp.engine.utils.devices.device_name", lambda _: "Apple GPU")
    first, second = (study.image_path(image) for image in study.catalog.images()[:2])
    first.write_bytes(second.read_bytes())
    device, pixels = told(is_epoch(2, 2))
    assert device.startswith("The run was computed on CPU before, and continues on Apple GPU.")
    assert pixels.startswith("The pixels of the images are not those that the run began with")
    assert told(is_epoch(3, 1)) == [], "it is told once"
    assert result_of(pull(jobs.resume(study, stopped.id)))["device"] == "CPU, then Apple GPU"
