"""Settings of the jobs that need several cross-validations."""

from busapp.engine.settings.validation import TrainingSettings, ValidateSettings


class SeriesSettings(TrainingSettings):
    """Base of the settings of jobs that set several cross-validations, trained alike, side by side (see `series`)."""

    @property
    def validations(self) -> list[ValidateSettings]:
        """Every cross-validation that is needed, once."""
        raise NotImplementedError
