"""A network and its rivals, and optimisers: the runs that they need, their differences, and their results in words."""

from typing import Any

import pytest
from pulling import pull, result_of, texts

from busapp import cli
from busapp.engine import estimates, jobs
from busapp.engine.events import EpochEnded, FoldEnded
from busapp.engine.networks.registry import FUSED, NETWORKS
from busapp.engine.results import side_by_side_words as words
from busapp.engine.results.difference_words import is_shown
from busapp.engine.results.mean_curves import mean_epochs, train_seconds
from busapp.engine.results.predictions import read_predictions
from busapp.engine.settings import CurateSettings, OptimizersSettings, RivalsSettings
from busapp.engine.settings.optimizers import DECAY
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.needed import needed_validations
from busapp.engine.validation.paired_differences import difference
from busapp.errors import BadInput
from busapp.summaries import summary

TINY: dict[str, Any] = {
    "folds": 2,
    "epochs": 2,
    "image_size": 16,
    "batch_size": 8,
    "learning_rate": 0.003,
    "pretrained": False,
    "generator_epochs": 1,
    "generator_size": 16,
}
CNN, RESNET, ALONE = "Plain CNN", "Small ResNet", "GAN's discriminator"
FED, FUSION, BOTH = "Small ResNet + synthetic images", "GAN-ResNet", "GAN-ResNet + synthetic images"
ADAM, SGD = "Adam", "SGD with momentum"


def rivals(**changes: Any) -> RivalsSettings:
    return RivalsSettings.model_validate(TINY | changes)


def optimizers(**changes: Any) -> OptimizersSettings:
    return OptimizersSettings.model_validate({**TINY, "network": "cnn", **changes})


def by_title(result: dict[str, Any]) -> dict[str, Any]:
    return {column["title"]: column for column in result["columns"]}


@pytest.fixture
def study(phantom_study: Workspace) -> Workspace:
    """Checked phantoms: benign 8, malignant 4, normal 8."""
    malignant = phantom_study.catalog.images(class_name="malignant")
    phantom_study.catalog.exclude([image.id for image in malignant[4:]], "to make the class rare")
    pull(jobs.start(phantom_study, CurateSettings()))
    return phantom_study


# -- which runs -----------------------------------------------------------------------------------------------


def test_the_rivals_of_every_fused_network_are_networks_of_the_registry() -> None:
    for name in FUSED:
        found = NETWORKS[name].rivals
        assert found is not None and {found.alone, found.discriminator, found.plain} <= set(NETWORKS)
        assert NETWORKS[name].needs_discriminator and NETWORKS[found.discriminator].needs_discriminator
        assert not NETWORKS[found.alone].needs_discriminator and not NETWORKS[found.plain].needs_discriminator


def test_rivals_differ_in_network_and_system_alone() -> None:
    settings = rivals(protocol="published", carry_weights=False, recipe="histology", seed=3)
    made = {title: (each.network, each.system) for title, each in settings.columns.items()}
    assert made == {
        CNN: ("cnn", "system1"),
        RESNET: ("resnet-small", "system1"),
        ALONE: ("gan-discriminator", "system1"),
        FED: ("resnet-small", "system2"),
        FUSION: ("gan-resnet", "system1"),
        BOTH: ("gan-resnet", "system2"),
    }
    same = set(RivalsSettings.model_fields) - {"network"}
    for each in settings.validations:
        assert each.model_dump(include=same) == settings.model_dump(include=same)
    pairs = [(pair.first, pair.second) for pair in settings.pairs(list(made))]
    assert pairs == [(RESNET, FED), (FUSION, BOTH), (RESNET, FUSION), (FED, BOTH), (RESNET, BOTH), (CNN, BOTH)]


def test_each_optimiser_has_its_usual_learning_rate_and_adamw_alone_decays() -> None:
    def parts(settings: OptimizersSettings) -> dict[str, tuple[str, float, float]]:
        trainings = {title: each.training for title, each in settings.columns.items()}
        return {title: (each.optimizer, each.learning_rate, each.weight_decay) for title, each in trainings.items()}

    assert parts(optimizers(learning_rate=None)) == {
        SGD: ("sgd", pytest.approx(0.01), 0),
        ADAM: ("adam", 1e-4, 0),
        "AdamW": ("adam", 1e-4, DECAY),
        "RMSprop": ("rmsprop", 1e-4, 0),
    }
    chosen = parts(optimizers(optimizer="sgd", learning_rate=0.2, weight_decay=0.3, recipe="careful"))
    assert chosen[SGD] == ("sgd", 0.2, 0) and chosen["AdamW"] == ("adam", pytest.approx(0.002), 0.3)
    titles = list(chosen)
    assert [pair.first for pair in optimizers().pairs(titles)] == [ADAM] * 3
    assert [pair.first for pair in optimizers(optimizer="sgd").pairs(titles)] == [SGD] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["optimizers", "--learning-rate", "0.05"], "that of SGD with momentum would be 5"),
        (["rivals", "--frozen-stages", "2"], "differ in their stages"),
        (["rivals", "--network", "cnn"], "'cnn'"),
    ],
)
def test_what_does_not_fit_all_runs_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said and arguments[1] in said


# -- the measurement ------------------------------------------------------------------------------------------


def test_rivals_are_runs_of_the_study_and_compared_on_the_same_images(study: Workspace) -> None:
    settings = rivals()
    expected = estimates.estimate(settings, study)
    parts = [estimates.estimate(each, study) for each in settings.validations]
    assert expected is not None and expected.seconds < sum(part.seconds for part in parts if part), (
        "generators that several networks use are trained once"
    )
    result = result_of(pull(jobs.start(study, settings)))
    columns = by_title(result)
    assert list(columns) == [CNN, RESNET, ALONE, FED, FUSION, BOTH] and result["skipped"] == []
    names = {run.id: run.info.name for run in study.runs("validate")}
    assert names[columns[FED]["run"]] == "system2, strict, Small ResNet" and len(names) == 6
    assert [column["n_synthetic"] for column in columns.values()] == [0, 0, 0, 4, 0, 4]
    assert len(result["differences"]) == 6 and result["protocol"] == "strict"
    for each in result["differences"]:
        gained = columns[each["second"]]["accuracy"] - columns[each["first"]]["accuracy"]
        assert each["measures"]["accuracy"]["difference"] == pytest.approx(gained)
        first, second = (study.run(columns[each[side]]["run"]) for side in ("first", "second"))
        measured = difference(read_predictions(first), read_predictions(second), ("", ""))
        assert each["measures"] == measured
    generators = [one["generator"] for one in result["generators"]]
    assert len(generators) == len(set(generators)) == 2 + 2, "one of the rare class and one of all, for each fold"
    assert not any(column["leaks"] for column in columns.values())

    lines = summary("rivals", result)
    assert lines[0] == words.sentences(result).replace("−", "-") and "\N{MINUS SIGN}" not in "".join(lines)
    assert sum("-validate" in line for line in lines) == 6 and any("longer training" in line for line in lines)
    assert any(line.split()[:5] == ["Fusion,", "with", "synthetic", "images", "Accuracy"] for line in lines)

    again = pull(jobs.start(study, settings))
    assert result_of(again) == result and not any(isinstance(event, EpochEnded) for event in again)
    after = estimates.estimate(settings, study)
    assert after is not None and after.seconds == 0


def test_where_all_classes_are_equally_large_synthetic_images_are_skipped(phantom_study: Workspace) -> None:
    settings = rivals(epochs=1)
    result = result_of(pull(jobs.start(phantom_study, settings)))
    assert list(by_title(result)) == [CNN, RESNET, ALONE, FUSION] and result["skipped"] == [FED, BOTH]
    assert [(each["first"], each["second"]) for each in result["differences"]] == [(RESNET, FUSION), (CNN, FUSION)]
    assert f"Skipped: {FED} and {BOTH}. All classes are equally large" in "\n".join(words.cautions(result))
    assert [each.system for each in needed_validations(phantom_study, settings)] == ["system1"] * 4
    assert len(phantom_study.runs("validate")) == 4


def test_optimisers_are_compared_with_adam_with_curves_loss_and_spread(study: Workspace) -> None:
    pull(jobs.start(study, optimizers().columns[ADAM]))
    events = pull(jobs.start(study, optimizers()))
    assert any("the study already has 1. To be trained: 3" in text for text in texts(events))
    result = result_of(events)
    columns = by_title(result)
    assert list(columns) == [SGD, ADAM, "AdamW", "RMSprop"]
    assert [each["title"] for each in result["differences"]] == [
        f"{title} against Adam" for title in (SGD, "AdamW", "RMSprop")
    ]
    assert columns["AdamW"]["optimizer"] == f"AdamW, weight decay {DECAY:g}"
    assert columns[SGD]["learning_rate"] == pytest.approx(0.3)
    for column in columns.values():
        run = study.run(column["run"])
        ended = [event for event in run.events() if isinstance(event, EpochEnded)]
        last = [event for event in ended if event.epoch == 2]
        assert len(column["epochs"]) == 2 and column["test_loss"] == column["epochs"][-1]["test_loss"]
        assert column["epochs"][-1]["test_accuracy"] == pytest.approx(sum(e.test_accuracy for e in last) / 2)
        folds = [event.test_accuracy for event in run.events() if isinstance(event, FoldEnded)]
        assert column["fold_range"] == pytest.approx([min(folds), max(folds)])
        assert column["fold_deviation"] == pytest.approx(abs(folds[0] - folds[1]) / 2**0.5)
        assert column["train_seconds"] == pytest.approx(sum(10 / event.images_per_second for event in ended))
    lines = summary("optimizers", result)
    assert any("AdamW" in line and f"learning rate 0.003, weight decay {DECAY:g}" in line for line in lines)
    assert any("was not tuned" in line for line in lines)


def test_published_numbers_are_marked_as_leaking(study: Workspace) -> None:
    result = result_of(pull(jobs.start(study, optimizers(protocol="published", epochs=1))))
    assert result["protocol"] == "published" and all(column["leaks"] for column in result["columns"])
    assert words.sentences(result).startswith("⚠ ")
    assert "These numbers leak: weights are carried from fold to fold" in words.cautions(result)[0]
    table = [line for line in summary("optimizers", result) if "-validate" in line]
    assert len(table) == 4 and all("⚠ " in line for line in table)


def test_cancelled_it_continues_with_the_runs_that_it_began(study: Workspace) -> None:
    settings = optimizers(epochs=1)
    pull(jobs.start(study, settings), until=lambda event: isinstance(event, FoldEnded) and event.fold == 1)
    (cancelled,) = study.runs(settings.kind)
    (begun,) = study.runs("validate")
    assert cancelled.info.state == begun.info.state == "cancelled" and cancelled.can_resume
    result = result_of(pull(jobs.resume(study, cancelled.id)))
    assert result["columns"][0]["run"] == begun.id
    assert len(study.runs("validate")) == len(settings.columns)


def test_the_command_prints_a_table_or_json(study: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--network", "cnn", "--no-pretrained", "--folds", "2", "--epochs", "1", "--image-size", "16"]
    assert cli.main(["optimizers", *options, "--workspace", str(study.root)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Highest accuracy: ") and "RMSprop against Adam" in shown
    assert cli.main(["optimizers", *options, "--workspace", str(study.root), "--json", "-"]) == 0
    assert '"columns": [' in capsys.readouterr().out


def test_runs_of_other_images_are_refused(study: Workspace) -> None:
    settings = optimizers(epochs=1)
    result = result_of(pull(jobs.start(study, settings)))
    predictions = study.run(result["columns"][0]["run"]).folder / "predictions.csv"
    lines = predictions.read_text(encoding="utf-8").splitlines()
    predictions.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match="not tested on the same images"):
        pull(jobs.start(study, settings))


# -- curves and words -----------------------------------------------------------------------------------------


def ended(fold: int, epoch: int, loss: float, speed: float = 10.0) -> EpochEnded:
    return EpochEnded(fold, 2, epoch, 2, loss, 0.5, loss + 1, 0.25, speed)


def test_an_epoch_that_was_recorded_twice_counts_once_as_it_was_last() -> None:
    events = [ended(1, 1, 9.0, 1.0), ended(1, 1, 1.0), ended(1, 2, 0.5), ended(2, 1, 3.0, 5.0)]
    means = mean_epochs(events)
    assert [(each["epoch"], each["train_loss"], each["test_loss"]) for each in means] == [(1, 2.0, 3.0), (2, 0.5, 1.5)]
    assert train_seconds(events, {1: 20, 2: 10}) == pytest.approx(2 + 2 + 2)
    assert mean_epochs([]) == [] and train_seconds([], {}) is None


def told(*differences: tuple[float, list[float] | None, float]) -> dict[str, Any]:
    column = {"title": ADAM, "accuracy": 0.8, "accuracy_ci95": [0.7, 0.9], "leaks": [], "learning_rate": 0.1}
    measures = [{"accuracy": {"difference": d, "ci95": ci, "p_value": p}} for d, ci, p in differences]
    return {
        "columns": [column | {"n_synthetic": 0}],
        "skipped": [],
        "seed": 0,
        "devices": ["CPU"],
        "differences": [{"title": f"pair {n}", "measures": each} for n, each in enumerate(measures, start=1)],
    }


def test_the_sentence_names_the_differences_that_are_shown() -> None:
    result: Any = told((0.05, [0.01, 0.09], 0.01), (0.02, [-0.01, 0.05], 0.4), (-0.1, [-0.2, -0.05], 0.001))
    assert words.sentences(result) == (
        "Highest accuracy: Adam, 80.0 % (70.0 to 90.0). Of 3 differences in accuracy, 2 are shown: pair 1 +5.0 points "
        "(+1.0 to +9.0); pair 3 −10.0 points (−20.0 to −5.0)."
    )
    tie: Any = told((0.0, None, 1.0))
    tie["columns"].append(tie["columns"][0] | {"title": "RMSprop"})
    assert words.sentences(tie).startswith("Highest accuracy: Adam and RMSprop, 80.0 %."), (
        "no winner where two are equal"
    )
    none: Any = told((0.0, None, 1.0))
    assert words.sentences(none).endswith("No difference in accuracy is shown (1 measured).")
    assert not is_shown(None) and any("missing interval" in caution for caution in words.cautions(none))


def test_where_interval_and_test_disagree_it_is_undecided() -> None:
    result: Any = told((0.05, [0.01, 0.09], 0.07), (0.05, [0.01, 0.09], 0.01))
    assert "it is undecided: pair 1 (p = 0.070)." in "\n".join(words.cautions(result))
    agreeing: Any = told((0.05, [0.01, 0.09], 0.01))
    assert "undecided" not in "\n".join(words.cautions(agreeing))
