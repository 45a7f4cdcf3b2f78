"""Base settings of jobs that run several cross-validations."""

from busapp.engine.settings.validation import TrainingSettings, ValidateSettings


class SeriesSettings(TrainingSettings):
    """Base of the settings of jobs that compare several cross-validations with the same training (see
    `validation/series.py`)."""

    @property
    def validations(self) -> list[ValidateSettings]:
        """All cross-validations of the job, each once."""
        raise NotImplementedError
