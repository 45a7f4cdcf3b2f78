"""Settings of the job that compares optimisers."""

from collections.abc import Collection
from typing import Annotated, Final

from pydantic import Field, ValidationInfo, field_validator

from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings.base import setting
from busapp.engine.settings.protocol import SystemSettings
from busapp.engine.settings.recipes import OPTIMIZERS, RECIPES, OptimizerName, optimizer_title
from busapp.engine.settings.series import Pair, SideBySideSettings
from busapp.engine.settings.validation import ValidateSettings

DECAY: Final = RECIPES["careful"].weight_decay
"""Weight decay of AdamW if neither the settings nor the recipe have one."""
_DECAYING: Final[OptimizerName] = "adam"
"""The optimiser that is also trained with weight decay."""


class OptimizersSettings(SideBySideSettings, SystemSettings):  # the fields of the latter come first
    """Compare optimisers on the same folds: SGD with momentum, Adam, AdamW and RMSprop, each with its usual learning
    rate. Matching runs of the study are reused."""

    kind = "optimizers"
    label = "Optimisers"

    optimizer: Annotated[
        OptimizerName | None,
        setting(
            "Optimiser",
            "The optimiser that the others are compared with, and that the learning rate is for. Left empty: as in the "
            "recipe.",
            more=True,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        Field(ge=0, le=1),
        setting(
            "Weight decay",
            f"Weight decay of AdamW; the others have none. Left empty or 0: as in the recipe, or else {DECAY:g}.",
            more=True,
        ),
    ] = None

    @field_validator("learning_rate")
    @classmethod
    def _fits_all(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Refuse a learning rate with which that of another optimiser would be more than 1."""
        chosen = info.data.get("optimizer") or RECIPES[info.data.get("recipe", "paper")].optimizer
        for name, multiple in OPTIMIZERS.items():
            rate = (value or 0) * multiple / OPTIMIZERS[chosen]
            if rate > 1:
                raise ValueError(f"that of {optimizer_title(name)} would be {rate:g}, which is more than 1")
        return value

    @field_validator("network")
    @classmethod
    def _is_trained(cls, value: str) -> str:
        """Refuse what no optimiser trains."""
        if NETWORKS[value].features is not None:
            raise ValueError(f"no optimiser trains {NETWORKS[value].title}; choose a network that is trained")
        return value

    @property
    def subject(self) -> str:
        shown = self._validation(optimizer=None, learning_rate=None, weight_decay=None)
        return f"{self.system}, {shown.protocol_in_words}{shown.particulars}"

    @property
    def reference(self) -> OptimizerName:
        """The optimiser that the others are compared with."""
        return self.optimizer or RECIPES[self.recipe].optimizer

    @property
    def columns(self) -> dict[str, ValidateSettings]:
        decay = self.training.weight_decay or DECAY
        found = {}
        for name in sorted(OPTIMIZERS, key=lambda name: name != "sgd"):
            decays = (0.0, decay) if name == _DECAYING else (0.0,)
            for each in decays:
                found[optimizer_title(name, each)] = self._with(name, each)
        return found

    def pairs(self, titles: Collection[str]) -> list[Pair]:
        reference = optimizer_title(self.reference)
        return [Pair(f"{title} against {reference}", reference, title) for title in titles if title != reference]

    def _with(self, name: OptimizerName, weight_decay: float) -> ValidateSettings:
        rate = self.learning_rate
        if rate is not None:
            rate *= OPTIMIZERS[name] / OPTIMIZERS[self.reference]
        return self._validation(optimizer=name, learning_rate=rate, weight_decay=weight_decay)
