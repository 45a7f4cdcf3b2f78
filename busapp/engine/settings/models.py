"""Settings of the jobs that make models and ask them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from busapp.engine.settings.base import JobSettings, setting


class DiagnoseSettings(JobSettings):
    """Classify images with a model."""

    kind = "diagnose"
    label = "Diagnosis"
    images: tuple[Path, ...] = Field(min_length=1, title="Images", description="Images, or folders of images.")
    model: Annotated[
        Path | None, setting("Model", "Left empty: the newest model of the study, else the one that ships.")
    ] = None
    labels: Annotated[
        Path | None,
        setting(
            "Labels",
            "The true classes, for an external validation: a CSV table with the columns file and class, or the folder "
            "whose folders are called after the classes. Left empty: folders called after the model's classes.",
        ),
    ] = None
    csv: Annotated[Path | None, setting("CSV", "Write a table of all images here.")] = None
    pdf: Annotated[Path | None, setting("PDF", "Write one page per image here.")] = None
    dicom: Annotated[
        Path | None,
        setting("DICOM", "Write each page into this folder as a DICOM Secondary Capture, for a picture archive."),
    ] = None
    reader: Annotated[str, Field(max_length=64), setting("Reader", "Who is named on the pages.")] = ""
    patient: Annotated[
        str,
        Field(max_length=64),
        setting("Patient", "Who is named on the pages and in the DICOM files, and nowhere else."),
    ] = ""
    heatmaps: Annotated[Path | None, setting("Heat maps", "Write the overlays into this folder.")] = None

    def kept(self) -> dict[str, Any]:
        """A run keeps no patient's name: none is in a study."""
        return {**super().kept(), "patient": ""}


class ExportSettings(JobSettings):
    """Make a model for diagnosis out of a validation run, for this program and for apps, or a file out of the generator
    of a synthesis run."""

    kind = "export"
    label = "Export of the model"
    run: Annotated[str, setting("Run", "The validation run whose recipe is exported; with keras, a synthesis run.")]
    format: Annotated[
        Literal["onnx", "tflite", "keras"],
        setting(
            "Format",
            "onnx: what this program diagnoses with, of a validation. tflite: the same for phones (TensorFlow Lite, "
            "float32 and int8). keras: the generator of a synthesis, for Keras.",
        ),
    ] = "onnx"
    out: Annotated[
        Path | None,
        setting(
            "Out",
            "The folder to write, empty or new; left out, one in the study's folder exports. ONNX files also go into "
            "the study's models. With keras: the file to write, which ends in .keras.",
        ),
    ] = None
