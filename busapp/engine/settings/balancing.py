"""Settings of the job that balances the classes with synthetic images."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.synthesis import PresetName, SynthesizeSettings


class BalanceSettings(JobSettings):
    """Draw images for every class until it equals the largest class, with the newest generator of each class. If a
    class has no generator, one is trained first. All images are one change of the dataset, which can be undone."""

    kind = "balance"
    label = "Balancing"
    preset: Annotated[
        PresetName,
        setting("Preset", "Preset for generators that have to be trained first. Existing generators are reused."),
    ] = "quick"
    epochs: Annotated[
        int | None,
        Field(ge=1, le=100_000),
        setting("Epochs", "Epochs of generators that have to be trained. Left empty: as in the preset.", more=True),
    ] = None
    seed: Annotated[
        int, Field(ge=0, lt=2**31), setting("Seed", "Seed of generators that have to be trained.", more=True)
    ] = 0
    weights_file: Annotated[
        Path | None,
        setting(
            "Weights file",
            "File with the ImageNet weights that score the images of a new generator (KID), if it is not where the "
            "program looks for it.",
            more=True,
        ),
    ] = None

    def generator(self, class_name: str) -> SynthesizeSettings:
        """Settings of a generator that has to be trained. Its training adds no images."""
        return SynthesizeSettings.model_validate({"class_name": class_name, "count": 0, **self.model_dump()})
