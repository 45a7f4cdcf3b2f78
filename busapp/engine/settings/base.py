"""What the settings of all jobs have in common."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator


def setting(title: str, help: str, *, unit: str = "", paper: str = "", more: bool = False) -> Any:
    """Describe one field for people.

    `paper` says what the paper used, or that it leaves this open and what is assumed here. `more` puts the
    field under "More" in the window.
    """
    described = f"{help} Paper: {paper}" if paper else help
    return Field(title=title, description=described, json_schema_extra={"unit": unit, "more": more})


class JobSettings(BaseModel):
    """Base of all settings. `kind` names the job, its command and its runs; `label` is what people call the job."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
    kind: ClassVar[str]
    label: ClassVar[str]

    @field_validator("*")
    @classmethod
    def _can_be_written_down(cls, value: Any) -> Any:
        """Settings are kept with the run; old archives leave names that are no text."""
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, Path) and str(path) != str(path).encode(errors="replace").decode():
                raise ValueError("its name is not valid text; rename it")
        return value

    @property
    def subject(self) -> str:
        """What tells this run from others of its kind; its name unless the user gives it another."""
        return self.label

    @property
    def title(self) -> str:
        """What the job is called while it waits and works."""
        return self.label if self.subject == self.label else f"{self.label}: {self.subject}"

    def kept(self) -> dict[str, Any]:
        """What a run keeps of its settings, in JSON types."""
        return self.model_dump(mode="json")
