"""Settings of the job that balances the classes with drawn images."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.synthesis import PresetName, SynthesizeSettings


class BalanceSettings(JobSettings):
    """Draw for every class as many images as it lacks to equal the largest, from its newest generator. A class that has
    none gets one trained first. All of it is one change of the dataset, which can be undone."""

    kind = "balance"
    label = "Balancing"
    preset: Annotated[
        PresetName, setting("Preset", "Of the generators that have to be trained first; those that are there serve.")
    ] = "quick"
    epochs: Annotated[
        int | None,
        Field(ge=1, le=100_000),
        setting("Epochs", "Of generators that have to be trained. Left empty: the preset's.", more=True),
    ] = None
    seed: Annotated[
        int, Field(ge=0, lt=2**31), setting("Seed", "Of generators that have to be trained.", more=True)
    ] = 0
    weights_file: Annotated[
        Path | None,
        setting(
            "Weights file",
            "Where the ImageNet weights are that a new generator's images are scored with, if not where the program "
            "looks.",
            more=True,
        ),
    ] = None

    def generator(self, class_name: str) -> SynthesizeSettings:
        """Of a generator that has to be trained; it adds no images by itself."""
        return SynthesizeSettings.model_validate({"class_name": class_name, "count": 0, **self.model_dump()})
