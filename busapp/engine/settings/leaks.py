"""Settings of the job that measures the effect of each leak."""

from collections.abc import Collection

from busapp.engine.settings.protocol import SystemSettings
from busapp.engine.settings.series import SeriesSettings
from busapp.engine.settings.systems import possible_leaks
from busapp.engine.settings.validation import ValidateSettings


class LeaksSettings(SeriesSettings, SystemSettings):
    """Measure the effect of each leak on this study, in percentage points: cross-validate as published, then close one
    leak after another until nothing leaks; also cross-validate strictly with each leak alone. Matching runs of the
    study are reused."""

    kind = "leaks"
    label = "Leaks"

    @property
    def subject(self) -> str:
        return f"{self.system}{self.particulars}"

    def validation(self, leaking: Collection[str]) -> ValidateSettings:
        """The cross-validation with exactly these leaks (fields of `Leaks`) open."""
        everything = set(leaking) >= set(possible_leaks(self.system, self.network))
        switches = {} if everything else dict.fromkeys(leaking, True)
        protocol = "published" if everything else "strict"
        return ValidateSettings.model_validate({**self.model_dump(), "protocol": protocol, **switches})

    @property
    def waterfall(self) -> list[ValidateSettings]:
        """The cross-validations from published to strict. Leaks are closed in the order of the fields of `Leaks`.
        Carried weights come first: a network trained on every test image gains nothing from the other leaks."""
        leaking = possible_leaks(self.system, self.network)
        return [self.validation(leaking[closed:]) for closed in range(len(leaking) + 1)]

    @property
    def alone(self) -> list[ValidateSettings]:
        """Strict cross-validations with one leak each, in the same order. The last one is also the second to last of
        the waterfall."""
        return [self.validation([name]) for name in possible_leaks(self.system, self.network)]

    @property
    def validations(self) -> list[ValidateSettings]:
        return list(dict.fromkeys([*self.waterfall, *self.alone]))
