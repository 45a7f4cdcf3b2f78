"""Bad input of a cross-validation: the error is a clear sentence, and all finished work is kept."""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pulling import pull

from busapp import cli
from busapp.engine import jobs
from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.training import Learner
from busapp.engine.events import EpochEnded, Event, Finished, Skipped
from busapp.engine.networks.layers.torchvision_setup import torchvision
from busapp.engine.results.predictions import read_predictions
from busapp.engine.results.statistics import of_run
from busapp.engine.settings import CurateSettings, ImportSettings, ValidateSettings
from busapp.engine.settings.recipes import RECIPES
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, CannotResume, NoSpace, NotEnoughImages, TrainingDiverged

TINY: dict[str, Any] = {
    "folds": 2,
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


def numbers(run: Run) -> dict[str, Any]:
    result = run.result()
    assert result is not None
    return {key: value for key, value in result.items() if key != "seconds"}


@pytest.fixture(scope="module")
def _template(tmp_path_factory: pytest.TempPathFactory, phantom_folder: Path) -> Path:
    """A curated study with one finished run of `tiny()`."""
    root = tmp_path_factory.mktemp("bad-input") / "study"
    workspace = Workspace.create(root)
    for settings in (ImportSettings(sources=(phantom_folder,)), CurateSettings(), tiny()):
        pull(jobs.start(workspace, settings))
    workspace.close()
    return root


@pytest.fixture
def study(_template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the study that a test may change."""
    shutil.copytree(_template, tmp_path / "study")
    workspace = Workspace.open(tmp_path / "study")
    yield workspace
    workspace.close()


@pytest.fixture
def whole(study: Workspace) -> dict[str, Any]:
    """The numbers of an undisturbed run."""
    return numbers(the_run(study))


def lose(workspace: Workspace, class_name: str | None = None, count: int | None = None) -> None:
    for image in workspace.catalog.images(class_name=class_name)[:count]:
        workspace.image_path(image).unlink(missing_ok=True)


def is_epoch(fold: int, epoch: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, EpochEnded) and (event.fold, event.epoch) == (fold, epoch)


# -- too few of something ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 9}, r"class benign has 8 groups of images, fewer than the 9 parts .* fewer folds, or import more"),
        ({"folds": 9, "protocol": "published"}, r"class benign has 8 images, fewer than the 9 parts"),
    ],
)
def test_a_class_with_fewer_images_than_folds(study: Workspace, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(NotEnoughImages, match=said):
        pull(jobs.start(study, tiny(**changes)))


@pytest.mark.parametrize(
    ("system", "said"), [("system1", "Choose fewer folds, or import"), ("existing", "Import more")]
)
def test_a_remedy_is_one_that_the_system_has(study: Workspace, system: str, said: str) -> None:
    rare = study.catalog.images(class_name="normal")
    study.catalog.exclude([image.id for image in rare[4:]], "to make the class rare")
    with pytest.raises(NotEnoughImages, match=said) as raised:
        pull(jobs.start(study, tiny(system=system, folds=5)))
    assert raised.value.remedy.startswith(said)


def test_a_single_class(study: Workspace) -> None:
    others = [image.id for image in study.catalog.images() if image.class_name != "benign"]
    study.catalog.exclude(others, "not this time")
    with pytest.raises(NotEnoughImages, match="a single class, benign"):
        pull(jobs.start(study, tiny()))


# -- images that have vanished -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_name", "said"), [(None, "images of the study"), ("malignant", "images of the class m")]
)
def test_where_no_image_can_be_read_it_is_not_said_that_there_are_none(
    study: Workspace, class_name: str | None, said: str
) -> None:
    lose(study, class_name)
    with pytest.raises(NotEnoughImages, match=f"None of the {said}.*Import the same images again"):
        pull(jobs.start(study, tiny()))
    skipped = [event for event in the_run(study).events() if isinstance(event, Skipped)]
    assert len(skipped) == (24 if class_name is None else 8)


def test_a_class_of_which_too_few_can_be_read(study: Workspace) -> None:
    lose(study, "normal", 7)
    with pytest.raises(NotEnoughImages, match="class normal has 1 group"):
        pull(jobs.start(study, tiny()))


def test_images_that_vanish_during_a_run_change_nothing(study: Workspace, whole: dict[str, Any]) -> None:
    job = jobs.start(study, tiny())
    for event in job:
        if is_epoch(1, 1)(event):
            lose(study)
    assert numbers(the_run(study)) == whole


def test_a_run_whose_images_have_vanished_goes_on_when_they_are_back(
    study: Workspace, whole: dict[str, Any], phantom_folder: Path
) -> None:
    pull(jobs.start(study, tiny()), until=is_epoch(1, 2))
    lose(study, "normal", 3)
    run = the_run(study)
    with pytest.raises(CannotResume, match=r"3 images .* can no longer be read.*Import the same images again"):
        pull(jobs.resume(study, run.id))
    pull(jobs.start(study, ImportSettings(sources=(phantom_folder,))))
    events = pull(jobs.resume(study, run.id))
    assert not any(isinstance(event, EpochEnded) and event.fold == 1 and event.epoch == 1 for event in events)
    assert numbers(study.run(run.id)) == whole


# -- numbers that are none ---------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_keeps_the_finished_folds(study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Learner.begin_fold

    def poisoned(self: Learner, *, carry_weights: bool, discriminator: Any = None) -> None:
        begin(self, carry_weights=carry_weights)
        if (the_run(study).folder / "predictions.csv").exists():  # fold 1 is finished
            with torch.no_grad():
                next(self.rest.parameters()).fill_(torch.nan)

    monkeypatch.setattr(Learner, "begin_fold", poisoned)
    with pytest.raises(TrainingDiverged, match=r"learning rate below 0\.003"):
        pull(jobs.start(study, tiny()))
    run = the_run(study)
    assert run.info.state == "failed"
    assert {row.fold for row in read_predictions(run)} == {1}
    assert 0 <= of_run(run)["accuracy"] <= 1
    json.dumps(of_run(run), allow_nan=False)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    weights = torchvision.models.MobileNetV2().state_dict()
    weights["features.3.conv.0.0.weight"][0] = value
    torch.save(weights, tmp_path / "w.pth")
    with pytest.raises(BadInput, match="does not hold MobileNetV2's ImageNet weights"):
        build(3, ValidateSettings(weights_file=tmp_path / "w.pth"), seed=0)


# -- disks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["checkpoint.safetensors", "predictions.csv", "result.json"])
def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_space(
    study: Workspace, whole: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, written = Path.replace, 0

    def full(self: Path, target: Path) -> Path:
        nonlocal written
        written += target.name == name
        if written >= (3 if name == "checkpoint.safetensors" else 1) and target.name != "run.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(NoSpace, match=rf"disk is full \(.*{name}\)\. Free some space, then resume"):
        pull(jobs.start(study, tiny()))
    monkeypatch.undo()
    run = the_run(study)
    assert run.info.state == "failed"
    assert not list(run.folder.glob(".*"))
    said = [(event.fold, event.epoch) for event in run.events() if isinstance(event, EpochEnded)]
    events = pull(jobs.resume(study, run.id))
    assert isinstance(events[-1], Finished)
    assert not said or not any(isinstance(event, EpochEnded) and (event.fold, event.epoch) in said for event in events)
    assert numbers(study.run(run.id)) == whole


# -- checkpoints that do not fit -----------------------------------------------------------------------------------


@pytest.fixture
def stopped(study: Workspace) -> Run:
    pull(jobs.start(study, tiny()), until=is_epoch(1, 1))
    return study.run(the_run(study).id)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5000] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_cut, _changed, lambda path: path.write_bytes(b"")])
def test_a_damaged_checkpoint_is_never_gone_on_with(
    study: Workspace, stopped: Run, damage: Callable[[Path], None]
) -> None:
    damage(stopped.checkpoint)
    with pytest.raises(CannotResume, match="checkpoint cannot be read"):
        pull(jobs.resume(study, stopped.id))


@pytest.mark.parametrize(
    "changes", [{"recipe": "careful"}, {"frozen_stages": 4}, {"learning_rate": 0.1}, {"width": 0.5}, {"epochs": 3}]
)
def test_a_checkpoint_of_other_settings_is_refused(study: Workspace, stopped: Run, changes: dict[str, Any]) -> None:
    pull(jobs.start(study, tiny(**changes)), until=is_epoch(1, 1))
    other = next(run for run in study.runs("validate") if run.info.settings == tiny(**changes).kept())
    shutil.copyfile(other.checkpoint, stopped.checkpoint)
    with pytest.raises(CannotResume, match="made with other settings"):
        pull(jobs.resume(study, stopped.id))


def test_a_run_does_not_go_on_by_a_recipe_that_was_changed(study: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(jobs.start(study, tiny(recipe="careful")), until=is_epoch(1, 1))
    monkeypatch.setitem(RECIPES, "careful", RECIPES["careful"].model_copy(update={"label_smoothing": 0.2}))
    with pytest.raises(CannotResume, match="recipe careful has changed"):
        pull(jobs.resume(study, the_run(study).id))


def test_a_checkpoint_of_something_else_is_refused(study: Workspace, stopped: Run) -> None:
    arrays, header = load_checkpoint(stopped.checkpoint)
    for wrong in ({"epoch": 3}, {**header, "stages": "all"}, {**header, "unknown": 1}):
        save_checkpoint(stopped.checkpoint, arrays, wrong)
        with pytest.raises(CannotResume, match="belongs to another run"):
            pull(jobs.resume(study, stopped.id))
    cut = {name: array[..., :1] for name, array in arrays.items() if array.ndim}
    save_checkpoint(stopped.checkpoint, cut, header)
    with pytest.raises(CannotResume, match="belongs to another run"):
        pull(jobs.resume(study, stopped.id))


# -- the command line --------------------------------------------------------------------------------------------


def command(study: Workspace, *more: str) -> list[str]:
    options = [text for name, value in TINY.items() if name != "pretrained" for text in _option(name, value)]
    return ["validate", "--workspace", str(study.root), *options, "--no-pretrained", *more]


def _option(name: str, value: object) -> tuple[str, str]:
    return f"--{name.replace('_', '-')}", str(value)


def test_the_command_line_says_it_in_one_line(study: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    def last_line(code: int, arguments: list[str]) -> str:
        assert cli.main(arguments) == code
        told = capsys.readouterr().err
        assert "Traceback" not in told
        return told.splitlines()[-1]

    finished = the_run(study).id
    resume = ["validate", "--workspace", str(study.root), "--resume"]
    assert "fewer than the 9 parts" in last_line(2, command(study, "--folds", "9"))
    assert "is finished" in last_line(2, [*resume, finished])
    lose(study)
    assert "None of the images of the study can be read" in last_line(2, command(study))
