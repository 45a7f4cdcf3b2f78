"""The job that makes a model for diagnosis out of a validation run, or hands out the generator of a synthesis run.

The cross-validation says how good the recipe is; the model that is exported is trained by the same recipe on all
images of the run, calibrated with the run's out-of-fold logits, and carries the run's numbers with it.
"""

from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

import busapp
from busapp.engine import metrics
from busapp.engine.catalog import ImageRecord
from busapp.engine.comparison import finished_validation
from busapp.engine.diagnosis import RESEARCH_USE, Diagnoser, KnownImage, Model, ModelDescription, Provenance
from busapp.engine.events import Event, Finished, Job, Note, Progress
from busapp.engine.files import write_atomically, write_json
from busapp.engine.judging import OutOfFoldPredictions, masks_of, out_of_fold, thresholds, truth_of_heat_maps
from busapp.engine.measured import as_trained
from busapp.engine.novelty import Familiar, usual_distance
from busapp.engine.predictions import Prediction, read_predictions
from busapp.engine.preprocessing import Pixels, Preprocessing
from busapp.engine.runs import Run
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.splits import select
from busapp.engine.training_data import in_progress
from busapp.engine.validation.evidence import read_evidence
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, BadModel

if TYPE_CHECKING:
    from busapp.engine.gan.generators import GeneratorRecord

BATCH: Final = 32
"""So many images are in memory at a time."""
COMPARED_IMAGES: Final = 64
"""On so many of the study's images at most, the exported file is compared with the network it came from."""
LARGEST_DIFFERENCE: Final = 1e-3
"""Of a probability between the two; more is no rounding."""


def export_model(workspace: Workspace, settings: ExportSettings, run: Run) -> Job:
    """Export what the run made: `export_diagnosis_model`, or with the format `keras` `export_generator`.

    Raises:
        BadInput: the format is not one for runs of this kind, or `out` is missing or not for this format.
    """
    exported = workspace.run(settings.run)
    if settings.format == "keras":
        if exported.info.kind != "synthesize":
            raise BadInput(
                "Only the generator of a synthesis run is exported as a Keras file",
                file=exported.id,
                remedy="Name a synthesis run; the model of a validation run is exported with --format onnx.",
            )
        return export_generator(workspace, settings, exported)
    if exported.info.kind == "synthesize":
        raise BadInput(
            "A synthesis run has no model for diagnosis to be exported as ONNX",
            file=exported.id,
            remedy="Export its generator with --format keras --out FILE, or name a validation run.",
        )
    if settings.out is not None:
        raise BadInput(
            "An ONNX file goes into the models of the study, where the program looks for it",
            file=settings.out,
            remedy="Leave --out away, and copy the file from there.",
        )
    return export_diagnosis_model(workspace, settings, run)


def export_diagnosis_model(workspace: Workspace, settings: ExportSettings, run: Run) -> Job:
    """Train the final network of a validation run and write it to `models/<validation run>.onnx` of the study.

    Result: `model`, `run`, `temperature` and `agreement` (`n_images`, `same_class`, `largest_difference` of a
    probability), as the file was compared with the network.

    Raises:
        BadInput: the run is no finished validation.
        BadModel: the file does not answer as the network does; it does not become a model of the study.
        UserError: what training raises.
    """
    validated = workspace.run(settings.run)
    finished_validation(validated)
    trained = as_trained(validated)
    rows = read_predictions(validated)
    yield Note("The model is trained anew on all images of the run, by its recipe.")
    yield Progress(0, 1, "starting PyTorch")

    from busapp.engine.classifiers.final_model import train_final
    from busapp.engine.classifiers.looking import Seen, seen_in
    from busapp.engine.classifiers.onnx_file import Known, logits_of, write_onnx

    network = yield from train_final(workspace, validated)
    mirrored = trained.training.mirrored_test
    records = [record for record in select(workspace, trained).records if workspace.image_path(record).exists()]
    seen: list[Seen] = []
    for batch in batched(records, BATCH):
        pixels = trained.preprocessing.load([workspace.image_path(record) for record in batch])
        looking = seen_in(network, pixels, mirrored=mirrored)
        seen.append((yield from in_progress(looking, BATCH * len(seen), len(records), "what the model knows")))
    features = np.concatenate([each.features for each in seen])
    usual = usual_distance(features, np.array([record.group for record in records], dtype=np.int64))
    known = Known(features, usual, Familiar.of(np.concatenate([each.texture for each in seen])))
    description = yield from _description(workspace, validated, trained, records)
    aside = run.folder / "model.onnx"
    yield Progress(1, 3, "writing the model")
    write_onnx(network, aside, trained.image_size, description.model_dump(mode="json"), known, mirrored=mirrored)
    yield Progress(2, 3, "comparing the file with the network")
    pixels = _some_pixels(workspace, rows, description.preprocessing)
    agreement = compare(aside, pixels, logits_of(network, pixels, mirrored=mirrored))
    if agreement["largest_difference"] > LARGEST_DIFFERENCE:
        raise BadModel("The model does not answer as the network it came from", file=aside, remedy="Export it again.")
    path = workspace.models_dir / f"{validated.id}.onnx"
    path.parent.mkdir(exist_ok=True)
    aside.replace(path)
    yield Finished(
        {
            "model": str(path),
            "run": validated.id,
            "temperature": description.temperature,
            "agreement": agreement,
        }
    )


def _description(
    workspace: Workspace, validated: Run, trained: ValidateSettings, known: Sequence[ImageRecord]
) -> Generator[Event, None, ModelDescription]:
    """What the model file says of itself; the classes of `known` images are those that the run had them in."""
    result, rows = finished_validation(validated), read_predictions(validated)
    classes: list[str] = result["classes"]
    evidence, truth = None, None
    try:
        evidence = read_evidence(validated).of([row.image_id for row in rows])
        truth = truth_of_heat_maps(rows, classes, evidence, masks_of(workspace))
    except BadInput as error:
        yield Note(f"{error} The model will not notice images unlike those that it knows.", "warning")
    tested = OutOfFoldPredictions.of(rows, classes, evidence)
    found = thresholds(tested)
    return ModelDescription(
        classes=tuple(classes),
        image_size=trained.image_size,
        equalise=trained.equalise,
        temperature=found.temperature,
        provenance=_provenance(workspace, validated, result),
        conformal=found.conformal,
        novelty=found.novelty,
        known=tuple(KnownImage(sha256=record.sha256, class_name=record.class_name) for record in known),
        out_of_fold=out_of_fold(tested, truth),
    )


def batched(records: Sequence[ImageRecord], size: int) -> Iterator[Sequence[ImageRecord]]:
    """Cut into parts of `size`, the last one shorter."""
    yield from (records[begin : begin + size] for begin in range(0, len(records), size))


def _provenance(workspace: Workspace, validated: Run, result: dict[str, Any]) -> Provenance:
    return Provenance(
        run=validated.id,
        study=workspace.name,
        phantoms=workspace.phantoms,
        system=result["system"],
        protocol=result["protocol"],
        recipe=result.get("recipe", "paper"),  # older results do not speak of it
        epochs=result["epochs"],
        n_images=result["n_images"],
        n_groups=result["n_groups"],
        n_synthetic=result["n_synthetic"],
        class_counts=result["counts"],
        accuracy=result["accuracy"],
        accuracy_ci95=result["accuracy_ci95"],
        leaks=result["leaks"],
        busapp=busapp.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _some_pixels(workspace: Workspace, rows: list[Prediction], preprocessing: Preprocessing) -> Pixels:
    """Images of the run, evenly over all of them: uint8 (n, size, size, 3)."""
    known = {record.id: record for record in workspace.catalog.images()}
    step = max(1, len(rows) // COMPARED_IMAGES)
    files = [workspace.image_path(known[row.image_id]) for row in rows[::step] if row.image_id in known]
    return preprocessing.load([path for path in files if path.exists()][:COMPARED_IMAGES])


def compare(path: Path, pixels: Pixels, logits: npt.NDArray[np.float32]) -> dict[str, Any]:
    """How far a model file agrees with the logits (n, classes) that its network gave for pixels (n, size, size, 3).

    Raises:
        BadModel: the file is no model.
    """
    model = Model.load(path)
    temperature = model.description.temperature
    from_file = Diagnoser(model).run(pixels).logits
    difference = metrics.softmax(from_file / temperature) - metrics.softmax(logits / temperature)
    return {
        "n_images": len(pixels),
        "same_class": int((from_file.argmax(axis=1) == logits.argmax(axis=1)).sum()),
        "largest_difference": float(np.abs(difference).max(initial=0.0)),
    }


# -- generators ----------------------------------------------------------------------------------------------


def export_generator(workspace: Workspace, settings: ExportSettings, synthesis: Run) -> Job:
    """Write the generator of a synthesis run as a Keras file to `settings.out`, replaced where it is there, and beside
    it under the same name with `.json` what one has to know to use it.

    Result: `generator` and `description`, the two paths; `run`, `class`.

    Raises:
        BadInput: no file is named, its name does not end in .keras, or it cannot be written.
        BadModel: the run has no generator (yet), or it is damaged.
        NoSpace: the disk is full.
    """
    from busapp.engine.gan.generators import GeneratorRecord, draw

    out = settings.out
    if out is None or out.suffix != ".keras":
        raise BadInput(
            "The file for the generator has to be named, and its name to end in .keras",
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
    yield Finished(
        {"generator": str(out), "description": str(description), "run": synthesis.id, "class": record.class_name}
    )


def _description_of(workspace: Workspace, synthesis: Run, record: "GeneratorRecord") -> dict[str, Any]:
    settings = record.settings
    return {
        "what": f"Generator of a DCGAN that draws synthetic {record.class_name} breast-ultrasound images",
        "notice": RESEARCH_USE,
        "caution": "A generator may draw near-copies of the images that it learned from. Treat it as you treat these.",
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
