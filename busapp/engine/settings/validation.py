"""Settings of a cross-validation."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from busapp.engine.preprocessing import Preprocessing
from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.synthesis import PresetName, SynthesizeSettings
from busapp.engine.systems import PROTOCOLS, Leaks, ProtocolName, SystemName

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
