"""The generators that the synthetic images of an export come from."""

from collections.abc import Generator
from contextlib import suppress
from typing import Final, TypedDict

from busapp.engine.catalog import ImageRecord
from busapp.engine.events import Note
from busapp.engine.gan.drawing import DrawnImage, known_of
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, BadModel


class GeneratorColumns(TypedDict):
    """A run's generator in `images.csv`. All are empty for a real image; unknown ones are empty, too."""

    run: str
    preset: str
    epochs: int | str
    n_trained_on: int | str


_OF_REAL_IMAGE: Final = GeneratorColumns(run="", preset="", epochs="", n_trained_on="")


class GeneratorLookup:
    """Reads the study's records of generators and of the images that they drew, once for each run."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._generators: dict[str, GeneratorColumns] = {}
        self._drawn: dict[str, dict[str, DrawnImage]] = {}

    def columns(self, image: ImageRecord) -> GeneratorColumns:
        """The generator that drew an image."""
        if image.run is None:
            return _OF_REAL_IMAGE
        if image.run not in self._generators:
            self._generators[image.run] = self._generator(image.run)
        return self._generators[image.run]

    def drawing(self, image: ImageRecord) -> Generator[Note, None, DrawnImage | None]:
        """The record of a drawn image; None if there is none, as for images of older runs.

        Yields a warning once for each run whose table cannot be read.
        """
        if image.run is None:
            return None
        if image.run not in self._drawn:
            self._drawn[image.run] = {}
            try:
                drawn = known_of(self._workspace.root / "runs" / image.run)
            except BadInput as error:
                yield Note(f"The export does not name the nearest training images of one run: {error}", "warning")
            else:
                self._drawn[image.run] = {one.sha256: one for one in drawn}
        return self._drawn[image.run].get(image.original or image.sha256)

    def _generator(self, run_id: str) -> GeneratorColumns:
        known = GeneratorColumns(run=run_id, preset="", epochs="", n_trained_on="")
        with suppress(BadInput):  # the run was deleted since
            run = self._workspace.run(run_id)
            known["preset"] = run.info.settings.get("preset", "")
            known["epochs"] = run.info.settings.get("epochs", "")
            with suppress(BadModel):
                known["n_trained_on"] = len(GeneratorRecord.load(run.folder).trained_on)
        return known
