"""The description in a model file, and what the file stores about its training images."""

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

import busapp
from busapp.engine.catalog import ImageRecord
from busapp.engine.classifiers.novelty import Familiar, usual_distance
from busapp.engine.contract.validation import ValidationResult
from busapp.engine.events import Event, Note
from busapp.engine.export.thresholds import OutOfFoldPredictions, masks_of, out_of_fold, thresholds, truth_of_heat_maps
from busapp.engine.images.heat_map import HeatMap, on_picture, to_heat_map
from busapp.engine.models.model import KnownImage, ModelDescription, Provenance
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.progress import in_progress
from busapp.engine.results.measured import as_trained
from busapp.engine.results.predictions import read_predictions
from busapp.engine.results.stored_results import finished_validation
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.evidence import read_evidence
from busapp.errors import BadInput

if TYPE_CHECKING:
    from busapp.engine.classifiers.activation_maps import Seen
    from busapp.engine.classifiers.onnx_file import Known
    from busapp.engine.networks.layers.staged import Staged

_BATCH: Final = 32
"""Number of images in memory at a time."""


def describe_model(
    workspace: Workspace, validated: Run, known: Sequence[ImageRecord]
) -> Generator[Event, None, ModelDescription]:
    """Return the description of a model made from a finished validation run, with the training images `known`.

    Raises:
        BadInput: the run is not a finished validation, or has no predictions.
    """
    result, rows, trained = finished_validation(validated), read_predictions(validated), as_trained(validated)
    classes: list[str] = result["classes"]
    evidence, truth, mirrored = None, None, trained.training.mirrored_test
    network = NETWORKS[trained.network]
    span = trained.image_size / network.stride
    try:
        evidence = read_evidence(validated).of([row.image_id for row in rows])
        truth = truth_of_heat_maps(rows, classes, evidence, masks_of(workspace), heat_maps_of(trained))
    except BadInput as error:
        yield Note(f"{error} The model will not detect images unlike its training images.", "warning")
    tested = OutOfFoldPredictions.of(rows, classes, evidence)
    found = thresholds(tested)
    return ModelDescription(
        classes=tuple(classes),
        image_size=trained.image_size,
        **trained.preprocessing.kept,
        temperature=found.temperature,
        provenance=_provenance(workspace, validated, result),
        map_shift=network.map_shift,
        map_span=span,
        mirrored=mirrored,
        conformal=found.conformal,
        novelty=found.novelty,
        known=tuple(KnownImage(record.sha256, record.class_name) for record in known),
        out_of_fold=out_of_fold(tested, truth),
    )


def heat_maps_of(trained: ValidateSettings) -> Callable[[npt.NDArray[np.float32], tuple[int, int]], HeatMap]:
    """Return the function that makes the heat map of a picture, of a size (width, height), from an activation map of a
    network that was trained so."""
    network, preparing = NETWORKS[trained.network], trained.preprocessing
    span, mirrored = trained.image_size / network.stride, trained.training.mirrored_test

    def to_map(activation: npt.NDArray[np.float32], size: tuple[int, int]) -> HeatMap:
        heat_map = to_heat_map(activation, network.map_shift, span=span, mirrored=mirrored)
        return on_picture(heat_map, preparing.region(size), size)

    return to_map


def training_images(workspace: Workspace, validated: Run) -> list[ImageRecord]:
    """Training images of the final network of a run, without those whose files are missing."""
    selection = select(workspace, as_trained(validated))
    return [record for record in selection.records if workspace.image_path(record).exists()]


def describe_known(
    workspace: Workspace, network: "Staged", trained: ValidateSettings, records: Sequence[ImageRecord]
) -> Generator[Event, None, "Known"]:
    """Compute what a model file stores about its training images: features, the usual distance, and their texture.

    Raises:
        UnreadableImage: the file of an image is damaged.
    """
    from busapp.engine.classifiers.activation_maps import seen_in
    from busapp.engine.classifiers.onnx_file import Known

    seen: list[Seen] = []
    for begin in range(0, len(records), _BATCH):
        paths = [workspace.image_path(record) for record in records[begin : begin + _BATCH]]
        looking = seen_in(network, trained.preprocessing.load(paths), mirrored=trained.training.mirrored_test)
        seen.append((yield from in_progress(looking, begin, len(records), "features of the training images")))
    features = np.concatenate([each.features for each in seen])
    usual = usual_distance(features, np.array([record.group for record in records], dtype=np.int64))
    return Known(features, usual, Familiar.of(np.concatenate([each.texture for each in seen])))


def _provenance(workspace: Workspace, validated: Run, result: ValidationResult) -> Provenance:
    interval = result["accuracy_ci95"]
    return Provenance(
        run=validated.id,
        study=workspace.name,
        phantoms=workspace.phantoms,
        system=result["system"],
        protocol=result["protocol"],
        recipe=result.get("recipe", "paper"),  # missing in older results
        network=as_trained(validated).network_in_words,
        epochs=result["epochs"],
        n_images=result["n_images"],
        n_groups=result["n_groups"],
        n_synthetic=result["n_synthetic"],
        class_counts=result["counts"],
        accuracy=result["accuracy"],
        accuracy_ci95=(interval[0], interval[1]) if interval else None,
        leaks=result["leaks"],
        busapp=busapp.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
