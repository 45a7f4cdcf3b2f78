"""The part of the job `export` that writes the generator of a synthesis run to a file."""

from typing import TYPE_CHECKING

from busapp.engine.contract.diagnosis import GeneratorExportResult
from busapp.engine.events import Finished, Job, Progress
from busapp.engine.settings import ExportSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import write_atomically, write_json
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput

if TYPE_CHECKING:
    from busapp.engine.gan.generators import GeneratorRecord


def export_generator(workspace: Workspace, settings: ExportSettings, synthesis: Run) -> Job:
    """Write the generator of a synthesis run as a Keras file to `settings.out`. An existing file is replaced. A JSON
    file beside it, of the same name, describes how to use the generator.

    Result: see `GeneratorExportResult`.

    Raises:
        BadInput: no file is named, its name does not end in .keras, or it cannot be written.
        BadModel: the run has no generator (yet), or it is damaged.
        NoSpace: the disk is full.
    """
    from busapp.engine.gan.generators import GeneratorRecord, draw

    out = settings.out
    if out is None or out.suffix != ".keras":
        raise BadInput(
            "The generator needs a file to be written to, with a name that ends in .keras",
            file=out,
            remedy="Name it with --out FILE.keras.",
        )
    yield Progress(0, 2, "reading the generator")
    record = GeneratorRecord.load(synthesis.folder)
    draw(record, 1)
    yield Progress(1, 2, "writing the generator")
    description = out.with_suffix(".json")
    try:
        write_atomically(out, record.network_file.read_bytes())
        write_json(description, _description_of(workspace, synthesis, record))
    except OSError as error:
        raise BadInput("The generator cannot be written", file=out, remedy="Choose another place.") from error
    result: GeneratorExportResult = {
        "generator": str(out),
        "description": str(description),
        "run": synthesis.id,
        "class": record.class_name,
    }
    yield Finished(dict(result))


def _description_of(workspace: Workspace, synthesis: Run, record: "GeneratorRecord") -> dict[str, object]:
    settings = record.settings
    return {
        "what": f"Generator of a DCGAN that draws synthetic {record.class_name} breast-ultrasound images",
        "notice": RESEARCH_USE,
        "caution": "A generator may draw near-copies of its training images. Treat it as you treat those images.",
        "class": record.class_name,
        "classes": workspace.catalog.classes(),
        "input": {"noise": settings.noise, "distribution": "standard normal", "shape": [None, settings.noise]},
        "output": {
            "image_size": settings.image_size,
            "shape": [None, settings.image_size, settings.image_size, 3],
            "channels": "RGB",
            "value_range": [-1, 1],
        },
        "preset": settings.preset,
        "epochs": settings.epochs,
        "n_trained_on": len(record.trained_on),
        "phantoms": workspace.phantoms,
        "study": workspace.name,
        "run": synthesis.id,
        "trained": synthesis.info.created,
        "busapp": synthesis.info.busapp,
    }
