"""Settings of the job that measures what synthetic images do for the classifier."""

from typing import Final

from busapp.engine.settings.series import SeriesSettings
from busapp.engine.settings.validation import ValidateSettings
from busapp.engine.utils.words import many

VARIANTS: Final = 4
"""Altered copies of each image that plain augmentation trains with."""
CLASS_WEIGHTING: Final = 1.0
"""Every class weighs the same, which is what growing the rare ones is meant to reach."""


class GainSettings(SeriesSettings):
    """Measure what the generator's images are worth: cross-validate strictly without them, with them, and without them
    but with altered copies and class weights, on the same folds. Runs that the study has are not repeated."""

    kind = "gain"
    label = "Worth of synthetic images"

    @property
    def subject(self) -> str:
        epochs = "" if self.generator_epochs is None else f" of {many(self.generator_epochs, 'epoch')}"
        return f"{self.generator_preset} generators{epochs}{self.particulars}"

    @property
    def plain(self) -> ValidateSettings:
        """Real images alone."""
        return self._strict("system1")

    @property
    def synthetic(self) -> ValidateSettings:
        """The same with synthetic images in the training folds."""
        return self._strict("system2")

    @property
    def augmented(self) -> ValidateSettings:
        """Real images alone, with altered copies of each and with class weights: at least `VARIANTS` and
        `CLASS_WEIGHTING`. It is `plain` where that has as much already."""
        training = self.training
        return self._strict(
            "system1",
            variants=max(VARIANTS, training.variants),
            class_weighting=max(CLASS_WEIGHTING, training.class_weighting),
        )

    @property
    def validations(self) -> list[ValidateSettings]:
        distinct = [self.plain, self.synthetic]
        return distinct if self.augmented.training == self.plain.training else [*distinct, self.augmented]

    def _strict(self, system: str, **parts: float) -> ValidateSettings:
        return ValidateSettings.model_validate({**self.model_dump(), **parts, "system": system, "protocol": "strict"})
