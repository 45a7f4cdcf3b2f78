"""The measurement of gain: the runs that it needs, their differences, and its result in words."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pulling import pull, result_of

from busapp.engine import estimates, jobs
from busapp.engine.events import CheckpointSaved, EpochEnded, FoldEnded, Note
from busapp.engine.results import gain_words
from busapp.engine.results.measured import longest_runs
from busapp.engine.results.predictions import FILE, Prediction, read_predictions
from busapp.engine.settings import CurateSettings, GainSettings, ImportSettings, ValidateSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_json
from busapp.engine.validation.paired_differences import difference
from busapp.engine.validation.reuse import find_runs
from busapp.errors import BadInput, CannotResume
from busapp.summaries import summary

TINY: dict[str, Any] = {
    "folds": 2,
    "epochs": 1,
    "image_size": 32,
    "width": 0.1,
    "batch_size": 8,
    "learning_rate": 0.003,
    "pretrained": False,
    "generator_epochs": 1,
}
PLAIN, SYNTHETIC = "system1, strict", "system2, strict"
AUGMENTED = "system1, strict, 4 altered copies, class weighting 1"


def tiny(**changes: Any) -> GainSettings:
    return GainSettings.model_validate(TINY | changes)


def states(study: Workspace) -> dict[str, str]:
    return {run.info.name: run.info.state for run in study.runs("validate")}


def make_rare(study: Workspace) -> None:
    malignant = study.catalog.images(class_name="malignant")
    study.catalog.exclude([image.id for image in malignant[4:]], "to make the class rare")


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """Checked phantoms: benign 8, malignant 4, normal 8."""
    make_rare(phantom_study)
    pull(jobs.start(phantom_study, CurateSettings()))
    return phantom_study


@pytest.fixture(scope="module")
def _measured_template(phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("measured") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("busapp.paths.user_data_dir", lambda: root.parent)
        workspace = Workspace.create(root, name="Phantoms", phantoms=True)
        pull(jobs.start(workspace, ImportSettings(sources=(phantom_folder,))))
        make_rare(workspace)
        pull(jobs.start(workspace, tiny()))
        workspace.close()
    return root


@pytest.fixture
def measured(_measured_template: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy, for one test, of the study with a finished measurement."""
    shutil.copytree(_measured_template, tmp_path / "measured")
    workspace = Workspace.open(tmp_path / "measured")
    yield workspace
    workspace.close()


# -- which trainings ------------------------------------------------------------------------------------------


def test_three_strict_trainings_that_differ_in_nothing_but_what_is_added() -> None:
    settings = tiny(seed=3, generator_preset="published")
    plain, synthetic, augmented = settings.validations
    assert [each.subject for each in settings.validations] == [PLAIN, SYNTHETIC, AUGMENTED]
    assert not any(each.leaks.model_dump()[name] for each in settings.validations for name in each.leaks.model_dump())
    assert (augmented.training.variants, augmented.training.class_weighting) == (4, 1)
    same = set(GainSettings.model_fields) - {"variants", "class_weighting"}
    for each in settings.validations:
        assert each.model_dump(include=same) == settings.model_dump(include=same)
    assert synthetic.training == plain.training
    assert synthetic.generator("malignant").preset == "published" and synthetic.generator("malignant").epochs == 1


def test_what_the_recipe_or_the_user_has_more_of_stays() -> None:
    careful = tiny(recipe="careful")
    assert (careful.augmented.training.variants, careful.augmented.training.class_weighting) == (8, 1)
    assert careful.plain.training.class_weighting == 0.5
    assert tiny(variants=6).augmented.training.variants == 6 == tiny(variants=6).plain.training.variants
    assert len(tiny(variants=6, class_weighting=1).validations) == 2, "nothing is left to add"


# -- the measurement ------------------------------------------------------------------------------------------


def test_the_trainings_are_runs_of_the_study_compared_on_the_same_images(measured: Workspace) -> None:
    assert states(measured) == dict.fromkeys([PLAIN, SYNTHETIC, AUGMENTED], "finished")
    result = measured.runs("gain")[0].result() or {}
    names = {run.id: run.info.name for run in measured.runs("validate")}
    trainings = result["trainings"]
    assert {name: names[entry["run"]] for name, entry in trainings.items()} == {
        "plain": PLAIN,
        "synthetic": SYNTHETIC,
        "augmented": AUGMENTED,
    }
    assert result["grown"] == {"malignant": [4, 4]}
    assert [entry["n_synthetic"] for entry in trainings.values()] == [0, 4, 0]
    assert result["more_steps"] == pytest.approx(4 / 10)
    assert {(one["class"], one["preset"], one["epochs"]) for one in result["generators"]} == {("malignant", "quick", 1)}
    for name, (first, second) in gain_words.DIFFERENCES.items():
        measures = result["differences"][name]
        assert list(measures) == [
            "accuracy",
            "balanced_accuracy",
            *(f"sensitivity/{of}" for of in ("benign", "malignant", "normal")),
        ]
        gained = trainings[second]["accuracy"] - trainings[first]["accuracy"]
        assert measures["accuracy"]["difference"] == pytest.approx(gained)
        gained = trainings[second]["sensitivity"]["malignant"] - trainings[first]["sensitivity"]["malignant"]
        assert measures["sensitivity/malignant"]["difference"] == pytest.approx(gained)
        for measure, entry in measures.items():
            assert (entry["p_value"] is None) == (measure == "balanced_accuracy")
            if entry["ci95"]:
                assert entry["ci95"][0] <= entry["difference"] <= entry["ci95"][1]
    assert result["verdict"] == gain_words.gain_verdict(result["differences"]["synthetic"]["accuracy"]["ci95"])
    lines = summary("gain", result)
    assert lines[0] == gain_words.sentences(result).replace("−", "-") and "\N{MINUS SIGN}" not in "".join(lines)
    assert "20 images in 20 groups" in lines[1] and "quick, 1 epoch, 64 px" in lines[1]
    assert sum("-validate" in line for line in lines) == 3 and any("One seed" in line for line in lines)


def test_what_the_study_has_is_not_trained_again(measured: Workspace) -> None:
    expected = estimates.estimate(tiny(), measured)
    assert expected is not None and expected.seconds == 0
    again = pull(jobs.start(measured, tiny()))
    assert result_of(again) == measured.runs("gain")[1].result()
    assert not any(isinstance(event, EpochEnded) for event in again)
    assert any(isinstance(event, Note) and "has all 3 cross-validations" in event.text for event in again)


def test_a_run_that_trained_on_copies_as_earlier_versions_did_is_not_taken(measured: Workspace) -> None:
    wanted = [tiny().synthetic]
    [found] = find_runs(measured, wanted)
    assert found is not None
    result = found.result() or {}
    del result["synthetic_ranges"]
    write_json(found.folder / "result.json", result)
    assert find_runs(measured, wanted) == [None]


def test_the_augmented_run_is_not_taken_for_one_of_the_papers_recipe(measured: Workspace) -> None:
    assert [run.info.name for run in longest_runs(measured)] == [PLAIN, AUGMENTED, SYNTHETIC]


def test_the_estimate_counts_the_generators_though_the_last_training_has_none(study: Workspace) -> None:
    settings = tiny(generator_epochs=1000)
    whole = estimates.estimate(settings, study)
    parts = [estimates.estimate(each, study) for each in settings.validations]
    assert whole is not None and whole.seconds == pytest.approx(sum(part.seconds for part in parts if part))
    short = estimates.estimate(tiny(), study)
    assert short is not None and whole.seconds > 100 * short.seconds


def test_classes_of_one_size_are_refused_before_anything_is_trained(phantom_study: Workspace) -> None:
    with pytest.raises(BadInput, match="equally large"):
        pull(jobs.start(phantom_study, tiny()))
    assert phantom_study.runs("validate") == []


def test_cancelled_among_the_generators_it_goes_on_with_the_runs_it_began(study: Workspace) -> None:
    settings = tiny()
    pull(
        jobs.start(study, settings),
        until=lambda event: isinstance(event, FoldEnded) and states(study) == {PLAIN: "finished", SYNTHETIC: "running"},
    )
    (gain,) = study.runs("gain")
    assert gain.info.state == "cancelled" and gain.can_resume
    assert states(study) == {PLAIN: "finished", SYNTHETIC: "cancelled"}
    begun = {run.info.name: run.id for run in study.runs("validate")}

    image = study.catalog.images(class_name="normal")[0]
    study.catalog.exclude([image.id], "blurred")
    with pytest.raises(CannotResume, match="dataset has changed"):
        pull(jobs.resume(study, gain.id))
    study.catalog.undo()

    result = result_of(pull(jobs.resume(study, gain.id)))
    assert {name: result["trainings"][name]["run"] for name in ("plain", "synthetic")} == {
        "plain": begun[PLAIN],
        "synthetic": begun[SYNTHETIC],
    }
    assert len(study.runs("validate")) == 3


KILLED = """
import sys
from pathlib import Path
from busapp.engine import jobs
from busapp.engine.settings import GainSettings
from busapp.engine.study.workspace import Workspace

workspace = Workspace.open(Path(sys.argv[1]))
for event in jobs.start(workspace, GainSettings.model_validate_json(sys.argv[2])):
    print(event, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_killed_in_the_middle_it_goes_on_to_the_same_numbers(measured: Workspace) -> None:
    """The first two runs of the measurement exist; the third is killed in its second fold."""
    whole = measured.runs("gain")[0].result()
    shutil.rmtree(next(run for run in measured.runs("validate") if run.info.name == AUGMENTED).folder)
    command = [sys.executable, "-c", KILLED, str(measured.root), tiny().model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("FoldEnded(fold=1"):
                process.send_signal(signal.SIGKILL)
                break
    gain = measured.runs("gain")[0]
    assert gain.info.state == "interrupted" and states(measured)[AUGMENTED] == "interrupted"
    resumed = result_of(pull(jobs.resume(measured, gain.id)))
    assert len(measured.runs("validate")) == 3
    assert whole is not None and resumed["differences"] == whole["differences"]


def test_runs_of_other_folds_are_refused(measured: Workspace) -> None:
    augmented = next(run for run in measured.runs("validate") if run.info.name == AUGMENTED)
    other = ValidateSettings.model_validate(augmented.info.settings | {"seed": 5})
    result_of(pull(jobs.start(measured, other)))
    shutil.copy(measured.runs("validate")[0].folder / FILE, augmented.folder / FILE)
    with pytest.raises(BadInput, match="not tested on the same images in the same folds"):
        pull(jobs.start(measured, tiny()))
    assert any(isinstance(event, CheckpointSaved) for event in augmented.events())


# -- what differences say -------------------------------------------------------------------------------------


def predictions(right: Sequence[bool], folds: int = 2) -> list[Prediction]:
    """Predictions of malignant and benign images in turn, each image a group, two images at a time in each fold. A
    wrong prediction is the other class."""
    names = ("malignant", "benign")
    return [
        Prediction(
            n,
            f"{n}.png",
            f"hash {n}",
            n,
            n // 2 % folds + 1,
            names[n % 2],
            names[(n + (not is_right)) % 2],
            {name: 2.0 * (name == names[(n + (not is_right)) % 2]) for name in names},
        )
        for n, is_right in enumerate(right)
    ]


HALF = [n % 4 < 2 for n in range(200)]
MORE = [right or n % 40 < 20 for n, right in enumerate(HALF)]
SWAPPED = [not right if n % 10 < 4 else right for n, right in enumerate(HALF)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (HALF, MORE, "helps"),
        (MORE, HALF, "harms"),
        (HALF, SWAPPED, "no difference shown"),
        (HALF, HALF, "no difference shown"),
    ],
)
def test_the_verdict_is_what_the_interval_leaves_out(first: list[bool], second: list[bool], expected: str) -> None:
    found = difference(predictions(first), predictions(second), ("one", "other"))["accuracy"]
    assert found["difference"] == pytest.approx((sum(second) - sum(first)) / 200)
    assert gain_words.gain_verdict(found["ci95"]) == expected
    assert (found["p_value"] < 0.05) == (expected != "no difference shown")


def test_where_all_draws_agree_there_is_no_interval() -> None:
    found = difference(predictions(HALF), predictions(HALF), ("one", "other"))
    assert {(entry["difference"], entry["ci95"]) for entry in found.values()} == {(0.0, None)}
    assert gain_words.gain_verdict(None) == "no difference shown"


def test_a_sensitivity_is_tested_on_the_images_of_its_class_alone() -> None:
    better = [right or n % 2 == 0 for n, right in enumerate(HALF)]  # all malignant ones are right
    found = difference(predictions(HALF), predictions(better), ("one", "other"))
    assert found["sensitivity/malignant"]["difference"] == 0.5 and found["sensitivity/malignant"]["p_value"] < 1e-6
    assert found["sensitivity/benign"] == {"difference": 0.0, "ci95": None, "p_value": 1.0}


@pytest.mark.parametrize("second", [predictions(HALF, folds=4), predictions(HALF[:-1])])
def test_other_folds_or_images_are_not_compared(second: list[Prediction]) -> None:
    with pytest.raises(BadInput, match="one and other were not tested on the same images"):
        difference(predictions(HALF), second, ("one", "other"))


def told(plain: list[bool], synthetic: list[bool], augmented: list[bool] | None) -> dict[str, Any]:
    """The parts of a result that the words need, from these predictions."""
    rows = {"plain": plain, "synthetic": synthetic} | ({"augmented": augmented} if augmented else {})
    differences = {
        name: difference(predictions(rows[first]), predictions(rows[second]), (first, second))
        if first in rows and second in rows
        else None
        for name, (first, second) in gain_words.DIFFERENCES.items()
    }
    parts = {"plain": (0, 0.0), "synthetic": (0, 0.0), "augmented": (4, 1.0)}
    instead = differences["instead"]
    assert differences["synthetic"] is not None
    return {
        "trainings": {
            name: {"variants": variants, "class_weighting": weighting} if name in rows else None
            for name, (variants, weighting) in parts.items()
        },
        "differences": differences,
        "verdict": gain_words.gain_verdict(differences["synthetic"]["accuracy"]["ci95"]),
        "against_augmented": instead and gain_words.gain_verdict(instead["accuracy"]["ci95"]),
        "generators": [{"preset": "quick", "epochs": 150, "image_size": 64}] * 4,
        "seed": 7,
        "more_steps": 0.4,
        "devices": ["CPU"],
        "grown": {"malignant": [0, 4]},
    }


def test_help_harm_and_neither_are_told_each_in_its_words() -> None:
    helps = gain_words.sentences(told(HALF, MORE, HALF))
    assert helps.startswith("Synthetic images helped here: accuracy +25.0 points (+19.0 to +31.0) against")
    assert "plain augmentation and class weights: 0.0 points. They did better than plain augmentation" in helps
    harms = gain_words.sentences(told(MORE, HALF, MORE))
    assert harms.startswith("Synthetic images did harm here: accuracy −25.0 points")
    assert "They did worse than plain augmentation and class weights, which needs no generator: −25.0" in harms
    neither = told(HALF, SWAPPED, SWAPPED)
    assert gain_words.sentences(neither).startswith(
        "Synthetic images were not shown to help here: accuracy 0.0 points ("
    )
    assert (
        "No difference between them and plain augmentation and class weights was shown: 0.0 points."
        in gain_words.sentences(neither)
    )
    assert gain_words.cautions(neither)[0].startswith(
        "“No difference shown” does not mean no difference: by these images, anything from"
    )
    for caution in ("another seed (here 7)", "quick, 150 epochs, 64 px", "40 % more images", "one in twenty"):
        assert any(caution in said for said in gain_words.cautions(neither)), caution


def test_without_anything_left_to_add_there_is_no_third_training_to_speak_of() -> None:
    result = told(HALF, MORE, None)
    assert gain_words.sentences(result).endswith("already, so there is no third to compare.")
    assert gain_words.addition_in_words(result) == ""


def test_an_interval_that_the_test_does_not_agree_with_is_said_to_be_undecided() -> None:
    few = [n % 2 == 0 for n in range(24)]
    result = told(few, [right or n in (1, 5, 9, 13) for n, right in enumerate(few)], few)
    assert result["verdict"] == "helps"
    assert result["differences"]["synthetic"]["accuracy"]["p_value"] == 0.125
    assert any("p = 0.125): it is undecided" in said for said in gain_words.cautions(result))


def test_what_is_added_to_a_recipe_that_has_some_already_is_called_more() -> None:
    result = told(HALF, MORE, HALF)
    result["trainings"]["plain"] = {"variants": 8, "class_weighting": 0.5}
    result["trainings"]["augmented"] = {"variants": 8, "class_weighting": 1.0}
    assert gain_words.addition_in_words(result) == "full class weights"
    assert gain_words.training_in_words(result["trainings"]["plain"]) == "8 altered copies, class weighting 0.5"
    assert gain_words.difference_in_words(result, "instead") == "Synthetic images against full class weights"


def test_predictions_of_a_measurement_are_read_from_its_runs(measured: Workspace) -> None:
    result = measured.runs("gain")[0].result() or {}
    plain, synthetic = (read_predictions(measured.run(result["trainings"][n]["run"])) for n in ("plain", "synthetic"))
    assert difference(plain, synthetic, ("a", "b")) == result["differences"]["synthetic"]
