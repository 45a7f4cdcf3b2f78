"""Settings of the jobs that change or hand on the images of a study."""

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
        description="Folders of classes, ZIP archives, CSV tables (file, class, patient), DICOM files, or images.",
    )
    class_name: Annotated[
        str | None, setting("Class", "The class of all images; without it, each folder's name is the class.")
    ] = None
    frames: Annotated[
        int,
        Field(ge=1, le=1000),
        setting(
            "Frames",
            "Of a longer DICOM loop this many frames come in, evenly spaced.",
            unit="frames",
            more=True,
        ),
    ] = 10
    crop_to_regions: Annotated[
        bool,
        setting(
            "Crop to the ultrasound regions",
            "Cut DICOM pictures to the regions that the file names, which leaves the patient's name and other text "
            "around them out.",
            more=True,
        ),
    ] = True

    def kept(self) -> dict[str, Any]:
        """All but the sources: archives call files and folders after patients."""
        return self.model_dump(mode="json", exclude={"sources"})


class CurateSettings(JobSettings):
    """Find near-duplicates, contradicting labels and doubtful images."""

    kind = "curate"
    label = "Check images"
    min_correlation: Annotated[
        float,
        Field(ge=0.5, le=1.0),
        setting(
            "Smallest correlation",
            "Two images are near-duplicates when their 32×32 thumbnails, mirrored or not, correlate at least this "
            "much, unless their speckle is unrelated.",
        ),
    ] = 0.97
    min_agreement: Annotated[
        float,
        Field(ge=0.3, le=1.0),
        setting(
            "Smallest agreement",
            "Two images are near-duplicates, too, when one laid over the other or over a part of it has the same "
            "speckle: the correlation of the median block is at least this much. Neighbouring frames of one film "
            "reach 0.4 to 0.9, unrelated images less than 0.4.",
            more=True,
        ),
    ] = 0.5

    @model_validator(mode="before")
    @classmethod
    def _without_hashes(cls, values: Any) -> Any:
        """Runs of the first version also name a largest distance of perceptual hashes, which are no longer used."""
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if name != "max_distance"}
        return values


class CoverSettings(JobSettings):
    """Cover letters and numbers that are burned into images. What was imported is kept, and it can be undone."""

    kind = "cover"
    label = "Cover text"
    ids: Annotated[
        tuple[int, ...],
        setting("Images", "Their numbers in the catalog. Left empty: all with the flag text.", more=True),
    ] = ()
    fill: Annotated[
        Fill,
        setting(
            "Fill",
            "black: what is covered is plainly gone. surroundings: pixels are made up from those around it.",
        ),
    ] = "black"

    @property
    def subject(self) -> str:
        return many(len(self.ids), "image") if self.ids else self.label


class ShareSettings(JobSettings):
    """Write the images of the study into a folder or a ZIP for others, without anything that names a patient."""

    kind = "share"
    label = "Export of the images"
    out: Path = Field(title="Out", description="A new or empty folder; with --format zip, a new file.")
    format: Annotated[
        Literal["folders", "coco", "zip"],
        setting(
            "Format",
            "folders: one folder for each class. coco: with annotations.json. zip: the folders in one file.",
        ),
    ] = "folders"
    synthetic: Annotated[
        bool, setting("Synthetic images too", "They come in a folder of their own, and are marked in the table.")
    ] = False
    set_aside: Annotated[
        bool, setting("Images set aside too", "They come in a folder of their own, with the reason in the table.")
    ] = False
    new_names: Annotated[
        bool, setting("Files named by class and number", "For files whose names could name a patient.")
    ] = False

    run: Annotated[
        str | None,
        setting("Run", "Only the synthetic images that the generator of this synthesis run drew.", more=True),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _images_of_a_run_are_synthetic(cls, given: Any) -> Any:
        return {**given, "synthetic": True} if isinstance(given, dict) and given.get("run") else given

    @property
    def subject(self) -> str:
        return self.format
