"""Where the drawn images of an export come from."""

from collections.abc import Generator
from typing import Any, Final

from busapp.engine.catalog import ImageRecord
from busapp.engine.events import Note
from busapp.engine.gan.drawing import DrawnImage, known_of
from busapp.engine.gan.generators import GeneratorRecord
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput, BadModel

COLUMNS: Final = ("run", "preset", "epochs", "n_trained_on")


class Provenance:
    """Looks up once for each run what the study knows of its generator and of the images that were drawn from it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._generators: dict[str, dict[str, Any]] = {}
        self._drawn: dict[str, dict[str, DrawnImage]] = {}

    def of(self, image: ImageRecord) -> dict[str, Any]:
        """The generator of a drawn image, a value for each of `COLUMNS`; empty ones where it is not known, and where
        the image is real."""
        if image.run is None:
            return dict.fromkeys(COLUMNS, "")
        if image.run not in self._generators:
            self._generators[image.run] = {"run": image.run, **self._generator(image.run)}
        return self._generators[image.run]

    def drawing(self, image: ImageRecord) -> Generator[Note, None, DrawnImage | None]:
        """How a drawn image came about; None where it is not known, as of images of older runs. A table that cannot be
        read is told of once."""
        if image.run is None:
            return None
        if image.run not in self._drawn:
            self._drawn[image.run] = {}
            try:
                drawn = known_of(self._workspace.root / "runs" / image.run)
            except BadInput as error:
                yield Note(f"Of images that this run drew the nearest is not named: {error}", "warning")
            else:
                self._drawn[image.run] = {one.sha256: one for one in drawn}
        return self._drawn[image.run].get(image.original or image.sha256)

    def _generator(self, run_id: str) -> dict[str, Any]:
        try:
            run = self._workspace.run(run_id)
        except BadInput:  # the run was deleted since
            return {"preset": "", "epochs": "", "n_trained_on": ""}
        known = {name: run.info.settings.get(name, "") for name in ("preset", "epochs")}
        try:
            return {**known, "n_trained_on": len(GeneratorRecord.load(run.folder).trained_on)}
        except BadModel:
            return {**known, "n_trained_on": ""}
