"""An image that an import found among its sources."""

from dataclasses import dataclass, field
from typing import Final

from busapp.engine.imports.files.sources import Entry
from busapp.errors import BadInput

CLASS_NAMES_PATIENT: Final = "The class would have the patient's name; give the class with --class"


class ClassUnknown(BadInput):
    """The class of the images is not known."""


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image among the sources. `class_name` is None if only the study knows it: the image comes in no more, but may
    get what it lacks. `source` is the name of its source, `name` a short name for people. `patient` is the
    patient as given by the file's name or by a table; it is hashed before anything is stored. `site` (hospital) and
    `device` (maker and model) are those that a table or the user gives."""

    entry: Entry
    class_name: str | None
    source: str
    name: str
    is_dicom: bool = False
    masks: tuple[Entry, ...] = ()
    patient: str | None = field(default=None, repr=False)
    site: str | None = None
    device: str | None = None

    @property
    def file(self) -> str:
        """The name in the catalog, `class/file name`; frames of DICOM files have another one (`dicom_file`)."""
        return f"{self.class_name or ''}/{self.entry.name}"
