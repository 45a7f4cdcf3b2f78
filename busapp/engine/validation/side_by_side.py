"""The job that shows cross-validations under one protocol side by side, with paired differences and curves: a network
and its rivals (`rivals`), or one network with several optimisers (`optimizers`)."""

from collections.abc import Generator, Mapping
from statistics import stdev

from busapp.engine.contract.side_by_side import Column, Difference, SideBySideResult
from busapp.engine.contract.validation import UsedGenerator, ValidationResult
from busapp.engine.curation.job import curated_first
from busapp.engine.events import Event, Finished, Job, Progress
from busapp.engine.results.mean_curves import mean_epochs, train_seconds
from busapp.engine.results.predictions import read_predictions
from busapp.engine.results.statistics import of_run
from busapp.engine.settings import SideBySideSettings, ValidateSettings
from busapp.engine.settings.systems import leaks_in_words
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.needed import needed_validations
from busapp.engine.validation.paired_differences import difference
from busapp.engine.validation.series import completed


def compare_side_by_side(workspace: Workspace, settings: SideBySideSettings, run: Run) -> Job:
    """Run the cross-validations that the study does not have yet, one after another, and compare them image by image.

    The result is a `SideBySideResult`: the cross-validations as `columns`, and the `differences` of the pairs that the
    settings name, by `paired_differences.difference`. Cross-validations that would add no synthetic images, because
    all classes are equally large, are `skipped`.

    Raises:
        BadInput: two runs were not tested on the same images in the same folds.
        Also the errors of `series.completed`.
    """
    yield from curated_first(workspace, run)
    needed = needed_validations(workspace, settings)
    made = {title: each for title, each in settings.columns.items() if each in needed}
    done = yield from completed(workspace, settings, run)
    runs = dict(zip(made, done, strict=True))
    results = {title: of_run(each) for title, each in runs.items()}
    columns = [_column(title, made[title], runs[title], results[title]) for title in made]
    differences = yield from _differences(settings, runs)
    newest = made[columns[-1]["title"]]
    first = next(iter(results.values()))
    found: SideBySideResult = {
        "protocol": newest.protocol_in_words,
        "recipe": settings.recipe,
        "folds": len(first["folds"]),
        "epochs": settings.epochs,
        "seed": settings.seed,
        "classes": first["classes"],
        "n_images": first["n_images"],
        "n_groups": first["n_groups"],
        "generators": _generators(results),
        "devices": sorted({result["device"] for result in results.values()}),
        "columns": columns,
        "skipped": [title for title in settings.columns if title not in made],
        "differences": differences,
    }
    yield Finished({**found})


def _differences(settings: SideBySideSettings, runs: Mapping[str, Run]) -> Generator[Event, None, list[Difference]]:
    """The differences of all pairs. Yields between two comparisons."""
    tested = {title: read_predictions(run) for title, run in runs.items()}
    pairs = settings.pairs(list(runs))
    found: list[Difference] = []
    for number, pair in enumerate(pairs, start=1):
        yield Progress(1, 1, f"comparing pair {number} of {len(pairs)}")
        ids = runs[pair.first].id, runs[pair.second].id
        measures = difference(tested[pair.first], tested[pair.second], ids)
        found.append({"title": pair.title, "first": pair.first, "second": pair.second, "measures": measures})
    return found


def _column(title: str, settings: ValidateSettings, run: Run, result: ValidationResult) -> Column:
    events = list(run.events())
    epochs = mean_epochs(events)
    accuracies = [fold["test_accuracy"] for fold in result["folds"]]
    trained = {fold["fold"]: fold["n_train"] + fold["n_synthetic"] for fold in result["folds"]}
    return {
        "title": title,
        "run": run.id,
        "system": settings.system,
        "network": settings.network,
        "optimizer": settings.training.optimizer_in_words,
        "learning_rate": settings.training.learning_rate,
        "leaks": leaks_in_words(settings.system, settings.leaks, settings.network),
        "accuracy": result["accuracy"],
        "accuracy_ci95": result["accuracy_ci95"],
        "balanced_accuracy": result["balanced_accuracy"],
        "balanced_accuracy_ci95": result["balanced_accuracy_ci95"],
        "sensitivity": result["sensitivity"],
        "sensitivity_ci95": result["sensitivity_ci95"],
        "specificity": result["specificity"],
        "specificity_ci95": result["specificity_ci95"],
        "fold_range": result["fold_range"]["accuracy"],
        "fold_deviation": stdev(accuracies) if len(accuracies) > 1 else None,
        "test_loss": epochs[-1]["test_loss"] if epochs else None,
        "train_seconds": train_seconds(events, trained),
        "n_images": result["n_images"],
        "n_groups": result["n_groups"],
        "n_synthetic": result["n_synthetic"],
        "epochs": epochs,
    }


def _generators(results: Mapping[str, ValidationResult]) -> list[UsedGenerator]:
    """All generators that the runs used, each once."""
    return list({used["generator"]: used for result in results.values() for used in result["generators"]}.values())
