"""Settings of the job that measures the effect of synthetic images on the classifier."""

from typing import Final

from busapp.engine.settings.series import SeriesSettings
from busapp.engine.settings.validation import ValidateSettings
from busapp.engine.utils.words import many

VARIANTS: Final = 4
"""Number of altered copies of each image in the variant with plain augmentation."""
CLASS_WEIGHTING: Final = 1.0
"""Class weighting of that variant: every class weighs the same, which is also the aim of synthetic images."""


class GainSettings(SeriesSettings):
    """Measure the effect of synthetic images: cross-validate strictly without them, with them, and without them but
    with altered copies and class weights, all on the same folds. Matching runs of the study are reused."""

    kind = "gain"
    label = "Worth of synthetic images"

    @property
    def subject(self) -> str:
        epochs = "" if self.generator_epochs is None else f" of {many(self.generator_epochs, 'epoch')}"
        return f"{self.generator_preset} generators{epochs}{self.particulars}"

    @property
    def plain(self) -> ValidateSettings:
        """Cross-validation with real images only."""
        return self._strict("system1")

    @property
    def synthetic(self) -> ValidateSettings:
        """Cross-validation with synthetic images in the training folds."""
        return self._strict("system2")

    @property
    def augmented(self) -> ValidateSettings:
        """Cross-validation with real images only, with altered copies and class weights: at least `VARIANTS` and
        `CLASS_WEIGHTING`. The same as `plain` if that has at least as much."""
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
