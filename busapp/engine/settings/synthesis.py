"""Settings of a DCGAN and its presets."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from busapp.engine.settings.base import JobSettings, setting

PresetName = Literal["published", "quick", "efficient"]
Framework = Literal["tensorflow", "torch"]
"""Framework that Keras runs on."""
BackendName = Literal["auto", "tensorflow", "torch"]
ALL_CLASSES: Final = ""
"""In the place of the class: a GAN that is trained on images of all classes."""


# Section 3.4 gives these numbers per class. Other classes use those of malignant.
_PUBLISHED_BY_CLASS: dict[str, dict[str, int]] = {
    "malignant": {"batch_size": 150, "epochs": 4200},
    "normal": {"batch_size": 100, "epochs": 2500},
}
_PRESETS: dict[str, dict[str, float]] = {
    "published": {
        "image_size": 224,
        "sample_every": 100,
        "checkpoint_every": 50,
        **_PUBLISHED_BY_CLASS["malignant"],
    },
    # With the published rates, small batches oscillate and leave a checkerboard pattern. Momentum, slope and kernel are
    # those of Radford et al. 2015. Their learning rate, 0.0002, gives only noise after 450 steps on 40 images; 0.0005
    # does not.
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
    # Published methods for few images that were measured to help on BUSI's malignant images; see benchmarks/RESULTS.md.
    # Spectral normalisation and two learning rates did not help.
    "efficient": {
        "image_size": 64,
        "batch_size": 16,
        "epochs": 300,
        "learning_rate": 0.0005,
        "beta_1": 0.5,
        "leak": 0.2,
        "kernel_size": 4,
        "alterations": True,
        "weight_averaging": 0.995,
        "sample_every": 5,
        "checkpoint_every": 10,
    },
}


class SynthesizeSettings(JobSettings):
    """Train a DCGAN on one class and draw images with it. Settings that are not given come from the preset."""

    kind = "synthesize"
    label = "Synthesis"
    class_name: Annotated[str, setting("Class", "The class that the generator is trained on.")]
    preset: Annotated[
        PresetName,
        setting(
            "Preset",
            "published: the paper's settings (hours to days without a GPU). quick: 64×64 pixels, minutes on two cores. "
            "efficient: settings that help with classes of 100 to 200 images.",
        ),
    ] = "quick"
    epochs: Annotated[
        int,
        Field(ge=1, le=100_000),
        setting("Epochs", "Passes over the images of the class.", paper="4,200 malignant, 2,500 normal."),
    ]
    count: Annotated[
        int | None,
        Field(ge=0, le=100_000),
        setting(
            "Images to draw",
            "Number of images to draw. Left empty: as many as the class lacks to equal the largest class.",
            unit="images",
            paper="227 malignant, 304 normal.",
        ),
    ] = None
    batch_size: Annotated[
        int,
        Field(ge=2, le=1024),
        setting(
            "Batch size",
            "Images per training step. A smaller class is one batch; the last batch of an epoch may be smaller.",
            unit="images",
            paper="150 malignant, 100 normal; the smaller last batch (of 210 or 133 images) is not mentioned.",
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
        setting(
            "Learning rate",
            "Learning rate of Adam for generator and discriminator.",
            paper="0.001 for both.",
            more=True,
        ),
    ] = 0.001
    d_learning_rate: Annotated[
        float | None,
        Field(gt=0, le=1),
        setting(
            "Discriminator's learning rate",
            "A different rate for the discriminator (two time-scales, Heusel 2017). Left empty: the same rate.",
            paper="0.001 for both.",
            more=True,
        ),
    ] = None
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
            "Negative slope of LeakyReLU.",
            paper="open; Keras' default 0.3 is assumed.",
            more=True,
        ),
    ] = 0.3
    kernel_size: Annotated[
        int,
        Field(ge=3, le=7),
        setting(
            "Kernel",
            "Width of the kernels of all (transposed) convolutions.",
            unit="px",
            paper="open; 5 is assumed.",
            more=True,
        ),
    ] = 5
    alterations: Annotated[
        bool,
        setting(
            "Alter what the discriminator sees",
            "Mirror, shift and change the intensity of real and drawn images before the discriminator sees them, so "
            "that it does not memorise a small class (Zhao 2020).",
            paper="none.",
            more=True,
        ),
    ] = False
    spectral: Annotated[
        bool,
        setting(
            "Spectral normalisation",
            "Normalise the discriminator's kernels this way, in place of batch normalisation (Miyato 2018).",
            paper="batch normalisation.",
            more=True,
        ),
    ] = False
    weight_averaging: Annotated[
        float,
        Field(ge=0, lt=1),
        setting(
            "Averaged weights",
            "Draw images with a moving average of the generator's weights, with this decay per step (Yazıcı 2019). "
            "0: draw with the last weights.",
            paper="none.",
            more=True,
        ),
    ] = 0.0
    backend: Annotated[
        BackendName,
        setting(
            "Computed by",
            "auto: TensorFlow, or torch if only torch can use the GPU (Windows, Macs). The networks are the same.",
            paper="TensorFlow.",
            more=True,
        ),
    ] = "auto"
    sample_every: Annotated[
        int,
        Field(ge=1),
        setting("Samples every", "Epochs between two grids of samples from the fixed noise.", unit="epochs", more=True),
    ]
    checkpoint_every: Annotated[
        int,
        Field(ge=1),
        setting("Checkpoint every", "A crash loses at most this many epochs.", unit="epochs", more=True),
    ]
    seed: Annotated[
        int,
        Field(ge=0, lt=2**31),
        setting("Seed", "The same seed gives the same images on the same machine and framework.", more=True),
    ] = 0
    weights_file: Annotated[
        Path | None,
        setting(
            "Weights file",
            "File with the ImageNet weights that score the images (KID), if it is not where the program looks for it.",
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
