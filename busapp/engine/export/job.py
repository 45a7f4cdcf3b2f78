"""The job that makes a model for diagnosis from a validation run, or exports the generator of a synthesis run.

The cross-validation measures how good the recipe is. The exported model is trained by the same recipe on all images of
the run, calibrated with the run's out-of-fold logits, and contains the run's numbers. It is written as a folder for the
developer of an app. As ONNX it is also added to the models of the study, with which this program diagnoses.
"""

import logging
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from busapp.engine.contract.diagnosis import ExportResult, FileAgreement, ModelInStudy
from busapp.engine.contract.validation import ValidationResult
from busapp.engine.events import Event, Finished, Job, Note, Progress
from busapp.engine.export.description import describe_known, describe_model, training_images
from busapp.engine.export.phone.agreement import LOST_POINTS, Answers, ConvertedFile, Example, compare_files, evenly
from busapp.engine.export.phone.folder import Handout, make_room, place_for
from busapp.engine.images.preprocessing import Pixels, Preprocessing
from busapp.engine.models.model import Model, ModelDescription
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.results.measured import as_trained
from busapp.engine.results.stored_results import finished_validation
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.sharing.choice import TEXT
from busapp.engine.sharing.targets import new_target
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.generator_export import export_generator
from busapp.engine.utils.files import write_atomically
from busapp.engine.utils.prefetch import in_order
from busapp.errors import BadInput, UserError

if TYPE_CHECKING:
    from busapp.engine.classifiers.onnx_file import Known

log = logging.getLogger(__name__)

REPRESENTATIVE: Final = 100
"""Number of images to determine the value ranges of an int8 file. TensorFlow asks for 100 to 500; each takes about
0.2 s."""
EXECUTORCH: Final = {"executorch": "1.5.", "torchao": "0.18."}
"""The packages of the extra `executorch`, and how their versions begin. They go with one version of torch."""
FORMATS: Final = {"onnx": "ONNX", "tflite": "TensorFlow Lite", "executorch": "ExecuTorch"}


def export_model(workspace: Workspace, settings: ExportSettings, run: Run) -> Job:
    """Export a model of the run (`export_diagnosis_model`), or with the format `keras` its generator
    (`export_generator`).

    Raises:
        BadInput: the format does not fit runs of this kind, or `out` is missing or does not fit the format.
    """
    exported = workspace.run(settings.run)
    if settings.format == "keras":
        if exported.info.kind != "synthesize":
            raise BadInput(
                "Only the generator of a synthesis run can be exported as a Keras file",
                file=exported.id,
                remedy="Name a synthesis run, or export the model of a validation run with --format onnx.",
            )
        return export_generator(workspace, settings, exported)
    if exported.info.kind == "synthesize":
        raise BadInput(
            "A synthesis run has no model for diagnosis",
            file=exported.id,
            remedy="Export its generator with --format keras --out FILE, or name a validation run.",
        )
    return export_diagnosis_model(workspace, settings, run)


def export_diagnosis_model(workspace: Workspace, settings: ExportSettings, run: Run) -> Job:
    """Train the final network of a validation run and write it as a folder for apps, at `out` or, in the study, at
    `exports/<validation run>-<format>`. As ONNX it is also written to `models/<validation run>.onnx`.

    First all files are compared with the network; only then anything is written. The folder is moved to its place when
    it is complete. Result: `ExportResult`.

    Raises:
        BadInput: the run is not a finished validation, its network cannot be exported in this format, the folder
            cannot be created there, or the format needs an extra that is not installed.
        BadModel: a file and the network give different answers.
        UserError: the training failed, or the network cannot be converted.
    """
    if settings.format == "executorch":
        _check_executorch()
    validated = workspace.run(settings.run)
    result = finished_validation(validated)
    place = place_for(settings.out, workspace.root / "exports" / f"{validated.id}-{settings.format}")
    trained = as_trained(validated)
    _refuse_format(trained, settings.format)
    mirrored = trained.training.mirrored_test
    yield Note("The model is now trained on all images of the run, by its recipe.")
    yield Progress(0, 1, "starting PyTorch")

    from busapp.engine.classifiers.onnx_file import logits_of
    from busapp.engine.export.final_model import train_final

    network = yield from train_final(workspace, validated)
    records = training_images(workspace, validated)
    description = yield from describe_model(workspace, validated, records)
    examples = yield from _examples(workspace, validated, result)
    if settings.format == "onnx":
        known = yield from describe_known(workspace, network, trained, records)
        yield Progress(0, 1, "writing the model")
        files = [_onnx(network, run, description, known, mirrored=mirrored)]
    elif settings.format == "executorch":
        files = yield from _executorch(network, description, examples, mirrored=mirrored)
    else:
        files = yield from _tflite(network, description, examples, mirrored=mirrored)
    report = yield from compare_files(
        files,
        lambda pixels: logits_of(network, pixels, mirrored=mirrored),
        examples,
        description.preprocessing,
        description.temperature,
    )
    yield from _warnings(report)
    yield Progress(len(examples), len(examples), "writing the folder")
    with new_target(place, as_zip=False) as target:
        Handout(description, files, report, mirrored).write(target, examples)
        make_room(place)
    in_study: ModelInStudy = {}
    if settings.format == "onnx":
        path = workspace.models_dir / f"{validated.id}.onnx"
        write_atomically(path, files[0].content)
        in_study["model"] = str(path)
    exported: ExportResult = {
        "run": validated.id,
        "format": settings.format,
        "folder": str(place),
        **in_study,
        "temperature": description.temperature,
        "agreement": report,
    }
    yield Finished(dict(exported))


def _refuse_format(trained: ValidateSettings, wanted: str) -> None:
    """Raise `BadInput` if a network cannot be exported in this format."""
    possible = NETWORKS[trained.network].exports
    if wanted in possible:
        return
    if possible:
        raise BadInput(
            f"{trained.network_in_words} can be exported as {' or '.join(FORMATS[one] for one in possible)} only",
            remedy=f"Choose that format (--format {possible[0]}).",
        )
    raise BadInput(
        f"{trained.network_in_words} cannot be exported, because it has no heat maps",
        remedy="Validate with another network, and export that.",
    )


def _examples(workspace: Workspace, validated: Run, result: ValidationResult) -> Generator[Event, None, list[Example]]:
    """Images of the run that the study still has."""
    selection = select(workspace, as_trained(validated))
    if selection.fingerprint() != result["images_fingerprint"]:
        yield Note(
            "The study's images have changed since the run. The model is compared on the present images.", "warning"
        )
    classes, flags = list(result["classes"]), workspace.catalog.flags()
    return [
        Example(workspace.image_path(record), classes.index(record.class_name), TEXT in flags.get(record.id, ()))
        for record in selection.records
        if record.class_name in classes
    ]


def _warnings(report: Sequence[FileAgreement]) -> Iterator[Event]:
    for entry in report:
        lost = 100 * (entry["original_accuracy"] - entry["accuracy"])
        if lost > LOST_POINTS:
            yield Note(
                f"{entry['file']} is {lost:.1f} percentage points less accurate on the run's images than the original. "
                "Prefer the float32 file if that matters.",
                "warning",
            )


# -- the files -----------------------------------------------------------------------------------------------


def _onnx(network: Any, run: Run, description: ModelDescription, known: "Known", *, mirrored: bool) -> ConvertedFile:
    from busapp.engine.classifiers.onnx_file import write_onnx

    aside = run.folder / "model.onnx"
    try:
        write_onnx(
            network, aside, description.image_size, description.model_dump(mode="json"), known, mirrored=mirrored
        )
        model, content = Model.load(aside), aside.read_bytes()
    finally:
        aside.unlink(missing_ok=True)

    def ask(pixels: Pixels) -> Answers:
        found = model.run(pixels)
        return {"logits": found.logits, "maps": found.maps}

    places = {node.name: place for place, node in enumerate(model.session.get_outputs())}
    return ConvertedFile("model.onnx", content, ask, places)


def _tflite(
    network: Any, description: ModelDescription, examples: list[Example], *, mirrored: bool
) -> Generator[Event, None, list[ConvertedFile]]:
    """Convert the network to a float32 and an int8 file."""
    yield Progress(0, 1, "starting TensorFlow")

    from busapp.engine.export.phone.keras_twin import build_twin
    from busapp.engine.export.phone.tflite import TFLiteModel, to_float32, to_int8
    from busapp.engine.gan.keras_setup import keras_on
    from busapp.engine.networks.layers.simplifying import plan_of

    keras = keras_on("tensorflow")
    twin = build_twin(
        keras,
        plan_of(network, description.image_size),
        description.image_size,
        mirrored=mirrored,
        temperature=description.temperature,
    )
    seen = _Seen(examples, description.preprocessing)

    def convert(_: str) -> tuple[bytes, bytes]:
        return to_float32(twin), to_int8(keras, twin, seen.images)

    with closing(in_order(convert, ["both"], "export")) as steps:
        try:
            for step in steps:
                yield Progress(seen.count, 2 * REPRESENTATIVE, "converting to TensorFlow Lite")
                if step is not None:
                    float32, int8 = step[1].result()
        finally:
            seen.stop()
    exact, rounded = TFLiteModel(float32), TFLiteModel(int8)
    return [
        ConvertedFile("model-float32.tflite", float32, exact.run, exact.outputs()),
        ConvertedFile("model-int8.tflite", int8, rounded.run, rounded.outputs(), rounded=True),
    ]


def _check_executorch() -> None:
    for package, version in EXECUTORCH.items():
        try:
            fits = metadata.version(package).startswith(version)
        except metadata.PackageNotFoundError:
            fits = False
        if not fits:
            raise BadInput(
                f"Exporting for ExecuTorch needs the extra executorch, with {package} {version}x",
                remedy='Install it: pip install "busapp[executorch]". Or export with --format tflite.',
            )


def _executorch(
    network: Any, description: ModelDescription, examples: list[Example], *, mirrored: bool
) -> Generator[Event, None, list[ConvertedFile]]:
    """Convert the network to a float32 and an int8 file."""
    yield Progress(0, 1, "starting ExecuTorch")

    from busapp.engine.classifiers.executorch_file import ExecuTorchModel, to_float32, to_int8

    seen = _Seen(examples, description.preprocessing)
    size, temperature = description.image_size, description.temperature

    def convert(kind: str) -> bytes:
        try:
            if kind == "float32":
                return to_float32(network, size, mirrored=mirrored, temperature=temperature)
            return to_int8(network, size, seen.images, mirrored=mirrored, temperature=temperature)
        except UserError:
            raise
        except Exception as error:  # a layer that ExecuTorch does not know; it has no error of its own for that
            log.exception("ExecuTorch could not convert %s", description.provenance.network)
            raise UserError(
                f"{description.provenance.network} cannot be converted for ExecuTorch ({kind})",
                remedy="Export it with --format tflite or --format onnx.",
            ) from error

    contents: list[bytes] = []
    with closing(in_order(convert, ["float32", "int8"], "export", threads=1)) as steps:
        try:
            for step in steps:
                yield Progress(seen.count, 2 * REPRESENTATIVE, "converting for ExecuTorch")
                if step is not None:
                    contents.append(step[1].result())
        finally:
            seen.stop()
    exact, rounded = (ExecuTorchModel(content) for content in contents)
    return [
        ConvertedFile("model-float32.pte", contents[0], exact.run, exact.outputs()),
        ConvertedFile("model-int8.pte", contents[1], rounded.run, rounded.outputs(), rounded=True),
    ]


class _Seen:
    """The images that determine the ranges of an int8 file. A thread reads them; `count` is the number read so far."""

    def __init__(self, examples: list[Example], preprocessing: Preprocessing) -> None:
        self._examples, self._preprocessing = examples, preprocessing
        self._stopped = threading.Event()
        self.count = 0

    def images(self) -> Iterator[Pixels]:
        for pixels in evenly(self._examples, self._preprocessing, REPRESENTATIVE):
            if self._stopped.is_set():
                raise UserError("The export was cancelled")
            self.count += 1
            yield pixels

    def stop(self) -> None:
        """Stop the thread at its next image."""
        self._stopped.set()
