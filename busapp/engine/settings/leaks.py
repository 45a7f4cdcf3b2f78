"""Settings of the job that measures what each leak is worth."""

from collections.abc import Collection

from busapp.engine.settings.series import SeriesSettings
from busapp.engine.settings.systems import possible_leaks
from busapp.engine.settings.validation import SystemSettings, ValidateSettings


class LeaksSettings(SeriesSettings, SystemSettings):
    """Measure what each leak is worth in points on this study: cross-validate as published, then with one leak closed
    after another until nothing leaks; and strictly with each leak alone. Runs that the study has are not repeated."""

    kind = "leaks"
    label = "Leaks"

    @property
    def subject(self) -> str:
        return f"{self.system}{self.particulars}"

    def validation(self, leaking: Collection[str]) -> ValidateSettings:
        """The cross-validation that lets through these switches of `Leaks` and no other."""
        everything = set(leaking) >= set(possible_leaks(self.system))
        switches = {} if everything else dict.fromkeys(leaking, True)
        protocol = "published" if everything else "strict"
        return ValidateSettings.model_validate({**self.model_dump(), "protocol": protocol, **switches})

    @property
    def waterfall(self) -> list[ValidateSettings]:
        """From published to strict. Leaks are closed in the order of the fields of `Leaks`: the carried weights first,
        since a network that has seen every test image has nothing left to gain from the others."""
        leaking = possible_leaks(self.system)
        return [self.validation(leaking[closed:]) for closed in range(len(leaking) + 1)]

    @property
    def alone(self) -> list[ValidateSettings]:
        """Strict with each leak by itself, in the same order. The last is also the last but one of the waterfall."""
        return [self.validation([name]) for name in possible_leaks(self.system)]

    @property
    def validations(self) -> list[ValidateSettings]:
        return list(dict.fromkeys([*self.waterfall, *self.alone]))
