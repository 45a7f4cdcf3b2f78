"""The settings of every job: one pydantic model each. The command line's options and the window's forms are
both made from these, and they are saved with the run. A default stands here and nowhere else."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from busapp.engine.preprocessing import Preprocessing
from busapp.engine.systems import PROTOCOLS, Leaks, ProtocolName, SystemName

PresetName = Literal["published", "quick"]
Fill = Literal["black", "surroundings"]


def setting(title: str, help: str, *, unit: str = "", paper: str = "", more: bool = False) -> Any:
    """Describe one field for people.

    `paper` says what the paper used, or that it leaves this open and what is assumed here. `more` puts the
    field under "More" in the window.
    """
    described = f"{help} Paper: {paper}" if paper else help
    return Field(title=title, description=described, json_schema_extra={"unit": unit, "more": more})


class JobSettings(BaseModel):
    """Base of all settings. `kind` names the job, its command and its runs; `label` is what people call the job."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
    kind: ClassVar[str]
    label: ClassVar[str]

    @field_validator("*")
    @classmethod
    def _can_be_written_down(cls, value: Any) -> Any:
        """Settings are kept with the run; old archives leave names that are no text."""
        for path in value if isinstance(value, tuple) else (value,):
            if isinstance(path, Path) and str(path) != str(path).encode(errors="replace").decode():
                raise ValueError("its name is not valid text; rename it")
        return value

    @property
    def subject(self) -> str:
        """What tells this run from others of its kind; its name unless the user gives it another."""
        return self.label

    @property
    def title(self) -> str:
        """What the job is called while it waits and works."""
        return self.label if self.subject == self.label else f"{self.label}: {self.subject}"

    def kept(self) -> dict[str, Any]:
        """What a run keeps of its settings, in JSON types."""
        return self.model_dump(mode="json")


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
        return f"{len(self.ids):,} image{'' if len(self.ids) == 1 else 's'}" if self.ids else self.label


# Section 3.4 gives these per class; other classes take the malignant ones.
_PUBLISHED_BY_CLASS: dict[str, dict[str, int]] = {
    "malignant": {"batch_size": 150, "epochs": 4200},
    "normal": {"batch_size": 100, "epochs": 2500},
}
_PRESETS: dict[str, dict[str, Any]] = {
    "published": {
        "image_size": 224,
        "sample_every": 100,
        "checkpoint_every": 50,
        **_PUBLISHED_BY_CLASS["malignant"],
    },
    # With the published rates a small batch swings and leaves a checkerboard; momentum, slope and kernel are those of
    # Radford et al. 2015. Their learning rate of 0.0002 draws only noise after 450 steps on 40 images; 0.0005 does not.
    "quick": {
        "image_size": 64,
        "batch_size": 16,
        "epochs": 150,
        "learning_rate": 0.0005,
        "beta_1": 0.5,
        "leak": 0.2,
        "kernel_size": 4,
        "sample_every": 5,
        "checkpoint_every": 10,
    },
}


class SynthesizeSettings(JobSettings):
    """Train a DCGAN on one class and draw images from it. What is not given comes from the preset."""

    kind = "synthesize"
    label = "Synthesis"
    class_name: Annotated[str, setting("Class", "The class whose images the generator learns to draw.")]
    preset: Annotated[
        PresetName,
        setting(
            "Preset",
            "published: the paper's numbers (hours to days without a GPU). quick: 64×64 pixels, minutes on two cores.",
        ),
    ] = "quick"
    epochs: Annotated[
        int,
        Field(ge=1, le=100_000),
        setting("Epochs", "Passes over the class.", paper="4,200 malignant, 2,500 normal."),
    ]
    count: Annotated[
        int | None,
        Field(ge=0, le=100_000),
        setting(
            "Images to draw",
            "Left empty: as many as the class lacks to equal the largest class.",
            unit="images",
            paper="227 malignant, 304 normal.",
        ),
    ] = None
    batch_size: Annotated[
        int,
        Field(ge=2, le=1024),
        setting(
            "Batch size",
            "A class smaller than the batch is one batch; a rest is trained on as a smaller last batch.",
            unit="images",
            paper="150 malignant, 100 normal; the rest of 210 or 133 is not spoken of.",
        ),
    ]
    image_size: Annotated[
        int,
        Field(ge=16, le=512, multiple_of=8),
        setting("Image size", "Width and height of the drawn images.", unit="px", paper="224.", more=True),
    ]
    noise: Annotated[
        int, Field(ge=1, le=1024), setting("Noise", "Length of the latent vector.", paper="100.", more=True)
    ] = 100
    learning_rate: Annotated[
        float,
        Field(gt=0, le=1),
        setting("Learning rate", "Of Adam, for generator and discriminator.", paper="0.001 for both.", more=True),
    ] = 0.001
    beta_1: Annotated[
        float,
        Field(ge=0, lt=1),
        setting("Adam β₁", "Decay of the first moment.", paper="open; Keras' default 0.9 is assumed.", more=True),
    ] = 0.9
    leak: Annotated[
        float,
        Field(ge=0, lt=1),
        setting(
            "Leaky slope",
            "LeakyReLU's negative slope.",
            paper="open; Keras' default 0.3 is assumed.",
            more=True,
        ),
    ] = 0.3
    kernel_size: Annotated[
        int,
        Field(ge=3, le=7),
        setting(
            "Kernel",
            "Width of the (transposed) convolutions.",
            unit="px",
            paper="open; 5 is assumed.",
            more=True,
        ),
    ] = 5
    sample_every: Annotated[
        int,
        Field(ge=1),
        setting("Samples every", "Draw the grid of fixed noise this often.", unit="epochs", more=True),
    ]
    checkpoint_every: Annotated[
        int,
        Field(ge=1),
        setting("Checkpoint every", "A crash loses at most this much.", unit="epochs", more=True),
    ]
    seed: Annotated[int, Field(ge=0, lt=2**31), setting("Seed", "The same seed gives the same images.", more=True)] = 0
    weights_file: Annotated[
        Path | None,
        setting(
            "Weights file",
            "Where the ImageNet weights are that the images are scored with (KID), if not where the program looks.",
            more=True,
        ),
    ] = None

    @property
    def subject(self) -> str:
        return f"{self.class_name}, {self.preset}"

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        values = {key: value for key, value in given.items() if value is not None}
        preset = values.get("preset", cls.model_fields["preset"].default)
        by_class = _PUBLISHED_BY_CLASS.get(values.get("class_name", ""), {}) if preset == "published" else {}
        return {**_PRESETS.get(preset, {}), **by_class, **values}


Switch = bool | None


class ValidateSettings(JobSettings):
    """Cross-validate a classifier. The four leaks come from the protocol unless they are set one by one."""

    kind = "validate"
    label = "Validation"
    system: Annotated[
        SystemName,
        setting(
            "System",
            "existing: one stratified hold-out, 80/20. system1: k folds. system2: k folds with synthetic images in "
            "the training folds only.",
        ),
    ] = "system1"
    protocol: Annotated[
        ProtocolName,
        setting("Protocol", "strict leaks nothing; published repeats the paper, leaks and all."),
    ] = "strict"
    folds: Annotated[
        int, Field(ge=2, le=50), setting("Folds", "Of the cross-validation; existing has one.", paper="10.")
    ] = 10
    epochs: Annotated[
        int,
        Field(ge=1, le=1000),
        setting("Epochs", "Passes over the training images, in each fold.", paper="20."),
    ] = 20
    batch_size: Annotated[
        int,
        Field(ge=2, le=512),
        setting("Batch size", "Images a step.", unit="images", paper="open; 32 is assumed.", more=True),
    ] = 32
    learning_rate: Annotated[
        float,
        Field(gt=0, le=1),
        setting("Learning rate", "Of Adam.", paper="open; Adam with 0.0001 is assumed.", more=True),
    ] = 1e-4
    image_size: Annotated[
        int,
        Field(ge=32, le=512, multiple_of=32),
        setting("Image size", "Images are resized to this square.", unit="px", paper="224.", more=True),
    ] = 224
    equalise: Annotated[
        bool,
        setting(
            "Adaptive equalisation",
            "Raise the contrast of every image tile by tile (CLAHE) before the network sees it, in training, test and "
            "diagnosis alike; generators learn from plain images, and what they draw is equalised like the real ones.",
            paper="none. Zion and Tripathy set out to compare histopathology images with and without it.",
            more=True,
        ),
    ] = False
    width: Annotated[
        float,
        Field(ge=0.1, le=2.0),
        setting("Width", "MobileNetV2's width multiplier; ImageNet weights are for 1.0.", paper="1.0.", more=True),
    ] = 1.0
    frozen_stages: Annotated[
        int | None,
        Field(ge=0, le=18),
        setting(
            "Frozen stages",
            "This many of the 19 stages keep their ImageNet weights, and their activations are computed once. Left "
            "empty: 7 without a GPU, none with one or from scratch.",
            paper='"layers are frozen … and are fine-tuned", how many is open.',
            more=True,
        ),
    ] = None
    pretrained: Annotated[
        bool,
        setting(
            "ImageNet weights",
            "Switch off to train from scratch.",
            paper="pre-trained on ImageNet.",
            more=True,
        ),
    ] = True
    weights_file: Annotated[
        Path | None,
        setting("Weights file", "Where the ImageNet weights are, if not where the program looks.", more=True),
    ] = None
    seed: Annotated[
        int, Field(ge=0, lt=2**31), setting("Seed", "Of the split, the order and the new layer.", more=True)
    ] = 0
    carry_weights: Annotated[
        Switch, setting("Leak: weights carried over", "Each fold starts from the fold before it.", more=True)
    ] = None
    split_duplicates: Annotated[
        Switch, setting("Leak: near-duplicates split", "Groups may fall on both sides of a fold.", more=True)
    ] = None
    keep_conflicts: Annotated[
        Switch,
        setting("Leak: conflicting duplicates kept", "Pairs with contradicting labels stay in.", more=True),
    ] = None
    generator_sees_test: Annotated[
        Switch, setting("Leak: generator saw test images", "One generator for all folds.", more=True)
    ] = None
    generator_preset: Annotated[
        PresetName,
        setting("Generator preset", "For the generators that system2 has to train itself.", more=True),
    ] = "quick"
    generator_epochs: Annotated[
        int | None,
        Field(ge=1),
        setting("Generator epochs", "Left empty: the preset's.", unit="epochs", more=True),
    ] = None

    @property
    def subject(self) -> str:
        return f"{self.system}, {self.protocol}{', equalised' if self.equalise else ''}"

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the pixels of the run."""
        return Preprocessing(self.image_size, self.equalise)

    @property
    def leaks(self) -> Leaks:
        """The four switches: the protocol's, each overridden where it was set by itself."""
        chosen = {name: override for name in Leaks.model_fields if (override := getattr(self, name)) is not None}
        return PROTOCOLS[self.protocol].model_copy(update=chosen)

    def generator(self, class_name: str) -> SynthesizeSettings:
        """Of a generator that `system2` has to train itself."""
        return SynthesizeSettings.model_validate(
            {
                "class_name": class_name,
                "preset": self.generator_preset,
                "epochs": self.generator_epochs,
                "seed": self.seed,
            }
        )


class DiagnoseSettings(JobSettings):
    """Classify images with a model."""

    kind = "diagnose"
    label = "Diagnosis"
    images: tuple[Path, ...] = Field(min_length=1, title="Images", description="Images, or folders of images.")
    model: Annotated[
        Path | None, setting("Model", "Left empty: the newest model of the study, else the one that ships.")
    ] = None
    csv: Annotated[Path | None, setting("CSV", "Write a table of all images here.")] = None
    pdf: Annotated[Path | None, setting("PDF", "Write one page per image here.")] = None
    heatmaps: Annotated[Path | None, setting("Heat maps", "Write the overlays into this folder.")] = None


class ExportSettings(JobSettings):
    """Make a model for diagnosis out of a validation run."""

    kind = "export"
    label = "Export of the model"
    run: Annotated[str, setting("Run", "The validation run whose recipe is exported.")]
    format: Annotated[Literal["onnx"], setting("Format", "onnx: what this program diagnoses with.")] = "onnx"


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

    @property
    def subject(self) -> str:
        return self.format


SETTINGS: dict[str, type[JobSettings]] = {
    model.kind: model
    for model in (
        ImportSettings,
        CurateSettings,
        CoverSettings,
        SynthesizeSettings,
        ValidateSettings,
        DiagnoseSettings,
        ExportSettings,
        ShareSettings,
    )
}
