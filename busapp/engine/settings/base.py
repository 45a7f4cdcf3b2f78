"""The base of all settings."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator


def setting(
    title: str, help: str, *, unit: str = "", paper: str = "", more: bool = False, usual: bool = False, step: int = 1
) -> Any:
    """Describe one field for people.

    `paper` gives the paper's value, or says that the paper leaves it open and what is assumed here. `more` places the
    field under "More" in the window. Runs with the default of a `usual` field do not name it. `step` is how far the
    arrows of a number go.
    """
    described = f"{help} Paper: {paper}" if paper else help
    return Field(
        title=title, description=described, json_schema_extra={"unit": unit, "more": more, "usual": usual, "step": step}
    )


class JobSettings(BaseModel):
    """Base of all settings. `kind` names the job, its command and its runs; `label` is the job's name for people."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
    kind: ClassVar[str]
    label: ClassVar[str]

    @field_validator("*")
    @classmethod
    def _can_be_written_down(cls, value: Any) -> Any:
        """Refuse paths that are not valid text, as old archives leave them: settings are saved with the run."""
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, Path) and str(path) != str(path).encode(errors="replace").decode():
                raise ValueError("its name is not valid text; rename it")
        return value

    @property
    def subject(self) -> str:
        """The words that distinguish this run from others of its kind. The run's name unless the user gives another."""
        return self.label

    @property
    def title(self) -> str:
        """Name of the job while it waits or runs."""
        return self.label if self.subject == self.label else f"{self.label}: {self.subject}"

    def kept(self) -> dict[str, object]:
        """The settings as a run saves them, in JSON types."""
        return self.model_dump(mode="json")
