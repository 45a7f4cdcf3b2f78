"""Estimated durations of validations on this machine."""

from collections.abc import Iterator, Sequence

from busapp.engine.catalog.counts import lacking
from busapp.engine.settings import SeriesSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.speeds import Estimate, classifier_key, classifier_units, expect, gan_key
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.needed import needed_validations
from busapp.engine.validation.reuse import find_runs, is_done


def estimate_series(workspace: Workspace, settings: SeriesSettings) -> Estimate:
    """Estimate for the validations that a series needs; those that the study already has take no time."""
    needed = needed_validations(workspace, settings)
    missing = [each for each, run in zip(needed, find_runs(workspace, needed), strict=True) if not is_done(run)]
    return estimate_validations(missing, workspace.catalog.counts("real"))


def estimate_validations(validations: Sequence[ValidateSettings], counts: dict[str, int]) -> Estimate:
    """Estimate for validations one after another: a later one reuses the generators of an earlier one."""
    total = Estimate(0.0, measured=True)
    for settings in validations:
        total += _estimate_training(settings, counts)
    # Generators depend on the images and, unless they were trained on all of them, on the folds.
    distinct = {
        (
            generator,
            leaks.keep_conflicts,
            leaks.generator_sees_test,
            leaks.split_duplicates or leaks.generator_sees_test,
        ): expected
        for settings in validations
        for leaks in [settings.leaks]
        for generator, expected in _estimate_generators(settings, counts)
    }
    for expected in distinct.values():
        total += expected
    return total


def _estimate_training(settings: ValidateSettings, counts: dict[str, int]) -> Estimate:
    n_images = sum(counts.values())
    folds = 1 if settings.system == "existing" else settings.folds
    n_test = n_images / (5 if settings.system == "existing" else folds)
    n_train = n_images - n_test + sum(_lacks(settings, counts).values())
    return expect(classifier_key(settings), folds * classifier_units(round(n_train), round(n_test), settings.passes))


def _estimate_generators(
    settings: ValidateSettings, counts: dict[str, int]
) -> Iterator[tuple[SynthesizeSettings, Estimate]]:
    """The generators of a validation, each with the time of its training for all folds."""
    to_train = [(settings.generator(name), counts[name]) for name in _lacks(settings, counts)]
    to_train += [(settings.gan, sum(counts.values()))] if settings.needs_discriminator else []
    for generator, n_images in to_train:
        passes = 1 if settings.leaks.generator_sees_test else settings.folds - 1  # each is trained on all folds but one
        yield generator, expect(gan_key(generator), generator.epochs * n_images * passes)


def _lacks(settings: ValidateSettings, counts: dict[str, int]) -> dict[str, int]:
    return lacking(counts) if settings.system == "system2" else {}
