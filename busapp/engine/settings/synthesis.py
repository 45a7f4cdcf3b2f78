"""Settings of a DCGAN and its presets."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from busapp.engine.settings.base import JobSettings, setting

PresetName = Literal["published", "quick", "efficient"]
Framework = Literal["tensorflow", "torch"]
"""What computes for Keras."""
BackendName = Literal["auto", "tensorflow", "torch"]


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
    # Of what the field found to help where images are few, what was measured to help on BUSI's malignant images, see
    # benchmarks/RESULTS.md: not spectral normalisation, nor two learning rates.
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
    """Train a DCGAN on one class and draw images from it. What is not given comes from the preset."""

    kind = "synthesize"
    label = "Synthesis"
    class_name: Annotated[str, setting("Class", "The class whose images the generator learns to draw.")]
    preset: Annotated[
        PresetName,
        setting(
            "Preset",
            "published: the paper's numbers (hours to days without a GPU). quick: 64×64 pixels, minutes on two cores. "
            "efficient: what helps classes of 100 to 200 images.",
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
    d_learning_rate: Annotated[
        float | None,
        Field(gt=0, le=1),
        setting(
            "Discriminator's learning rate",
            "If it is to differ from the generator's (two time-scales, Heusel 2017); left empty: the same.",
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
    alterations: Annotated[
        bool,
        setting(
            "Alter what the discriminator sees",
            "Real and drawn images are mirrored, shifted and changed in intensity before they are told apart, so that "
            "a small class is not learned by heart (Zhao 2020).",
            paper="none.",
            more=True,
        ),
    ] = False
    spectral: Annotated[
        bool,
        setting(
            "Spectral normalisation",
            "Of the discriminator's kernels, in the place of batch normalisation (Miyato 2018).",
            paper="batch normalisation.",
            more=True,
        ),
    ] = False
    weight_averaging: Annotated[
        float,
        Field(ge=0, lt=1),
        setting(
            "Averaged weights",
            "Images are drawn with a moving average of the generator's weights with this decay a step (Yazıcı 2019); "
            "0: with the last ones.",
            paper="none.",
            more=True,
        ),
    ] = 0.0
    backend: Annotated[
        BackendName,
        setting(
            "Computed by",
            "auto: TensorFlow, or torch where it alone can use the GPU (Windows, Macs). The networks are the same.",
            paper="TensorFlow.",
            more=True,
        ),
    ] = "auto"
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
    seed: Annotated[
        int,
        Field(ge=0, lt=2**31),
        setting("Seed", "The same seed gives the same images, on one machine and framework.", more=True),
    ] = 0
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
