"""Base settings of jobs that run several cross-validations."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from busapp.engine.settings.protocol import ProtocolSettings
from busapp.engine.settings.validation import TrainingSettings, ValidateSettings


class SeriesSettings(TrainingSettings):
    """Base of the settings of jobs that compare several cross-validations with the same training (see
    `validation/series.py`)."""

    skips_idle: ClassVar[bool] = False
    """True if the job can do without a `system2` that adds no images, because all classes are equally large."""

    @property
    def validations(self) -> list[ValidateSettings]:
        """All cross-validations of the job, each once."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Pair:
    """Two cross-validations by their titles, whose difference (second minus first) has a `title` of its own."""

    title: str
    first: str
    second: str


class SideBySideSettings(SeriesSettings, ProtocolSettings):  # the fields of the latter come first
    """Base of the settings of jobs that show cross-validations under one protocol side by side (see
    `validation/side_by_side.py`)."""

    @property
    def columns(self) -> dict[str, ValidateSettings]:
        """The cross-validations by their titles, in the order of the table."""
        raise NotImplementedError

    def pairs(self, titles: Collection[str]) -> list[Pair]:
        """The differences that are measured if the cross-validations with these titles were made."""
        raise NotImplementedError

    @property
    def validations(self) -> list[ValidateSettings]:
        return list(self.columns.values())

    def _validation(self, **parts: Any) -> ValidateSettings:
        return ValidateSettings.model_validate({**self.model_dump(), **parts})
