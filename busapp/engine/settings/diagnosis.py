"""Settings of the jobs that diagnose with a model and that export one."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from busapp.engine.settings.base import JobSettings, setting


class DiagnoseSettings(JobSettings):
    """Classify images with a model."""

    kind = "diagnose"
    label = "Diagnosis"
    images: tuple[Path, ...] = Field(min_length=1, title="Images", description="Images, or folders of images.")
    model: Annotated[
        Path | None,
        setting("Model", "Model file. Left empty: the newest model of the study, otherwise the bundled model."),
    ] = None
    labels: Annotated[
        Path | None,
        setting(
            "Labels",
            "The true classes, for an external validation: a table with the columns file and class, or a folder "
            "with one subfolder per class. Left empty: folders named after the model's classes.",
        ),
    ] = None
    csv: Annotated[Path | None, setting("CSV", "File for a table of all images.")] = None
    pdf: Annotated[Path | None, setting("PDF", "File for a report with one page per image.")] = None
    dicom: Annotated[
        Path | None,
        setting("DICOM", "Folder for the pages as DICOM Secondary Captures, for a picture archive."),
    ] = None
    reader: Annotated[str, Field(max_length=64), setting("Reader", "Name of the reader, printed on the pages.")] = ""
    patient: Annotated[
        str,
        Field(max_length=64),
        setting("Patient", "Name of the patient, written on the pages and into the DICOM files and nowhere else."),
    ] = ""
    heatmaps: Annotated[Path | None, setting("Heat maps", "Folder for the heat maps, laid over the images.")] = None

    def kept(self) -> dict[str, object]:
        """All settings except the patient's name, which is never stored in a study."""
        return {**super().kept(), "patient": ""}


class ExportSettings(JobSettings):
    """Export a model for diagnosis from a validation run, for this program or for apps, or the generator of a synthesis
    run."""

    kind = "export"
    label = "Export of the model"
    run: Annotated[
        str, setting("Run", "The validation run whose recipe the model is trained with; with keras, a synthesis run.")
    ]
    format: Annotated[
        Literal["onnx", "tflite", "executorch", "keras"],
        setting(
            "Format",
            "onnx: a model for this program, from a validation. tflite: the same model for phones (TensorFlow Lite, "
            "float32 and int8). executorch: the same for ExecuTorch, the successor of PyTorch Mobile; needs an extra. "
            "keras: the generator of a synthesis, for Keras.",
        ),
    ] = "onnx"
    out: Annotated[
        Path | None,
        setting(
            "Out",
            "Folder to write, empty or new. Left empty: a new folder in the study's folder exports. ONNX files are "
            "also added to the study's models. With keras: file to write, which ends in .keras.",
        ),
    ] = None
