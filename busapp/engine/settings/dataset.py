"""Settings of the jobs that import, check, cover or export the images of a study."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.utils.words import many

Fill = Literal["black", "surroundings"]


class ImportSettings(JobSettings):
    """Bring images into the study."""

    kind = "import"
    label = "Import"
    sources: tuple[Path, ...] = Field(
        min_length=1,
        title="Sources",
        description="Folders of classes, ZIP archives, tables (CSV or Excel), DICOM files, a DICOMDIR, or images.",
    )
    class_name: Annotated[
        str | None, setting("Class", "Class of all images. Left empty: the name of each folder is the class.")
    ] = None
    class_values: Annotated[
        str | None,
        setting(
            "Class values",
            "What the values in the class column mean, for instance: 0=benign, 1=malignant. Values that are not listed "
            "stay as they are; a value of - leaves its images out.",
            more=True,
        ),
    ] = None
    file_column: Annotated[
        str | None, setting("File column", "Column of the table that names the files. Left empty: guessed.", more=True)
    ] = None
    class_column: Annotated[
        str | None, setting("Class column", "Column of the table with the class. Left empty: guessed.", more=True)
    ] = None
    patient_column: Annotated[
        str | None, setting("Patient column", "Column of the table with the patient. Left empty: guessed.", more=True)
    ] = None
    site_column: Annotated[
        str | None, setting("Site column", "Column of the table with the hospital. Left empty: guessed.", more=True)
    ] = None
    device_column: Annotated[
        str | None, setting("Device column", "Column of the table with the machine. Left empty: guessed.", more=True)
    ] = None
    patient_pattern: Annotated[
        str | None,
        setting(
            "Patient pattern",
            "Where the patient stands in the file names: {patient} marks it, * stands for anything. For instance "
            "{patient}_*.png. A regular expression with one group is allowed too.",
            more=True,
        ),
    ] = None
    site: Annotated[
        str | None, setting("Site", "Hospital of all images that no table or DICOM file gives one for.", more=True)
    ] = None
    device: Annotated[
        str | None, setting("Device", "Machine of all images that no table or DICOM file gives one for.", more=True)
    ] = None
    only: Annotated[
        str | None,
        setting("Only folders called", "Import only what lies in folders of this name, for instance 40X.", more=True),
    ] = None
    update: Annotated[
        bool,
        setting(
            "Update images that are there",
            "Give images that the study has already the class, patient, site and device that this import says. "
            "Switched off: only what is missing is added, and contradictions are reported. Can be undone.",
            more=True,
        ),
    ] = False
    frames: Annotated[
        int,
        Field(ge=1, le=1000),
        setting(
            "Frames",
            "Largest number of frames to import from a DICOM loop. The frames are evenly spaced.",
            unit="frames",
            more=True,
        ),
    ] = 10
    crop_to_regions: Annotated[
        bool,
        setting(
            "Crop to the ultrasound regions",
            "Crop DICOM pictures to the ultrasound regions given in the file. This removes the patient's name and "
            "other text around them.",
            more=True,
        ),
    ] = True

    take_anyway: Annotated[
        bool,
        setting(
            "Take it anyway",
            "Import DICOM pictures that say that they are no ultrasound images, and those whose description of the "
            "pixels contradicts itself.",
            more=True,
        ),
    ] = False

    def kept(self) -> dict[str, object]:
        """All settings except the sources: picture archives name files and folders after patients."""
        return self.model_dump(mode="json", exclude={"sources"})


class CurateSettings(JobSettings):
    """Find near-duplicates, contradicting labels and images of doubtful quality."""

    kind = "curate"
    label = "Check images"
    min_correlation: Annotated[
        float,
        Field(ge=0.5, le=1.0),
        setting(
            "Smallest correlation",
            "Two images are near-duplicates if their 32×32 thumbnails, mirrored or not, correlate at least this much, "
            "unless their speckle is unrelated.",
        ),
    ] = 0.97
    min_agreement: Annotated[
        float,
        Field(ge=0.3, le=1.0),
        setting(
            "Smallest agreement",
            "Two images are also near-duplicates if one has the same speckle as the other or as a part of it: laid "
            "over each other, the correlation of their median block is at least this value. Neighbouring frames of one "
            "loop reach 0.4 to 0.9, unrelated images less than 0.4.",
            more=True,
        ),
    ] = 0.5

    @model_validator(mode="before")
    @classmethod
    def _without_hashes(cls, values: Any) -> Any:
        """Ignore the largest distance of perceptual hashes in runs of the first version. It is no longer used."""
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if name != "max_distance"}
        return values


class CoverSettings(JobSettings):
    """Cover letters and numbers that are burned into images. The imported pictures are kept. Can be undone."""

    kind = "cover"
    label = "Cover text"
    ids: Annotated[
        tuple[int, ...],
        setting("Images", "Numbers of images in the catalog. Left empty: all images with the flag text.", more=True),
    ] = ()
    fill: Annotated[
        Fill,
        setting(
            "Fill",
            "black: covered areas are black, so that everyone sees them. surroundings: areas are filled with "
            "invented pixels, computed from those around them.",
        ),
    ] = "black"

    @property
    def subject(self) -> str:
        return many(len(self.ids), "image") if self.ids else self.label


class ShareSettings(JobSettings):
    """Write the images of the study to a folder or a ZIP file for others, without anything that names a patient."""

    kind = "share"
    label = "Export of the images"
    out: Path = Field(title="Out", description="A new or empty folder; with --format zip, a new file.")
    format: Annotated[
        Literal["folders", "coco", "zip"],
        setting(
            "Format",
            "folders: one folder per class. coco: with annotations.json. zip: the folders in one file.",
        ),
    ] = "folders"
    synthetic: Annotated[
        bool, setting("Synthetic images too", "Export them to a folder of their own, and mark them in the table.")
    ] = False
    set_aside: Annotated[
        bool, setting("Images set aside too", "Export them to a folder of their own, with the reason in the table.")
    ] = False
    new_names: Annotated[
        bool,
        setting("Files named by class and number", "Use this if the imported file names could identify a patient."),
    ] = False

    run: Annotated[
        str | None,
        setting("Run", "Export only synthetic images drawn by the generator of this synthesis run.", more=True),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _images_of_a_run_are_synthetic(cls, given: Any) -> Any:
        return {**given, "synthetic": True} if isinstance(given, dict) and given.get("run") else given

    @property
    def subject(self) -> str:
        return self.format
