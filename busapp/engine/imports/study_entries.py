"""Images of the study that a table names although they do not lie beside it."""

from collections.abc import Iterator
from dataclasses import dataclass

from busapp.engine.catalog import Known, KnownImages
from busapp.errors import UnreadableImage


@dataclass(frozen=True, slots=True)
class StudyEntry:
    """An image of the study among the files that a table may name. `folder` is the class that it was imported with.
    `sha256` is its content hash in the catalog."""

    folder: str
    name: str
    known: Known
    sha256: str

    @property
    def where(self) -> str:
        return f"study//{self.known.file}//{self.sha256}"

    def read(self, most: int) -> bytes:
        raise UnreadableImage("It is an image of the study, which is not read again", file=self.name)


def study_entries(study: KnownImages) -> Iterator[StudyEntry]:
    """An entry for each real image of a study."""
    for known, sha256 in study.images():
        if known.is_real:
            folder, _, name = known.file.rpartition("/")
            yield StudyEntry(folder, name, known, sha256)
