"""Settings of a cross-validation."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.recipes import RECIPES, Recipe, RecipeName, other_weight_of_images
from busapp.engine.settings.synthesis import PresetName, SynthesizeSettings
from busapp.engine.settings.systems import (
    LEAK_NAMES,
    PROTOCOLS,
    Leaks,
    ProtocolName,
    SystemName,
    open_leaks,
    possible_leaks,
)

Switch = bool | None


class SystemSettings(JobSettings):
    """What is cross-validated."""

    system: Annotated[
        SystemName,
        setting(
            "System",
            "existing: one stratified hold-out, 80/20. system1: k folds. system2: k folds with synthetic images in "
            "the training folds only.",
        ),
    ] = "system1"


class ProtocolSettings(SystemSettings):
    """What a cross-validation lets through. The four leaks come from the protocol unless they are set one by one."""

    protocol: Annotated[
        ProtocolName,
        setting("Protocol", "strict leaks nothing; published repeats the paper, leaks and all."),
    ] = "strict"
    carry_weights: Annotated[
        Switch, setting(f"Leak: {LEAK_NAMES['carry_weights']}", "Each fold starts from the fold before it.", more=True)
    ] = None
    split_duplicates: Annotated[
        Switch,
        setting(f"Leak: {LEAK_NAMES['split_duplicates']}", "Groups may fall on both sides of a fold.", more=True),
    ] = None
    keep_conflicts: Annotated[
        Switch,
        setting(f"Leak: {LEAK_NAMES['keep_conflicts']}", "Pairs with contradicting labels stay in.", more=True),
    ] = None
    generator_sees_test: Annotated[
        Switch, setting(f"Leak: {LEAK_NAMES['generator_sees_test']}", "One generator for all folds.", more=True)
    ] = None

    @property
    def leaks(self) -> Leaks:
        """The four switches: the protocol's, each overridden where it was set by itself."""
        return PROTOCOLS[self.protocol].model_copy(update=_set_by_hand(self, Leaks))


class TrainingSettings(JobSettings):
    """How the folds are made and a classifier is trained on each."""

    recipe: Annotated[
        RecipeName,
        setting(
            "Recipe",
            "paper: as published, Adam and nothing else. careful: altered copies of the training images, weighted "
            "classes, a falling learning rate and what else helped under strict.",
        ),
    ] = "paper"
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
            "empty: the recipe's; for paper 7 without a GPU and none with one. From scratch none.",
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
    learning_rate: Annotated[
        float | None,
        Field(gt=0, le=1),
        setting(
            "Learning rate",
            "Of the optimiser; left empty: the recipe's.",
            paper="open; Adam with 0.0001 is assumed.",
            more=True,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        Field(ge=0, le=1),
        setting("Weight decay", "Of AdamW; 0 is Adam. Left empty: the recipe's.", paper="none.", more=True),
    ] = None
    cosine: Annotated[
        Switch,
        setting("Falling learning rate", "To zero along a cosine. Left empty: the recipe's.", more=True),
    ] = None
    variants: Annotated[
        int | None,
        Field(ge=0, le=64),
        setting(
            "Altered copies",
            "Of each training image: mirrored, shifted, turned a little, brighter or darker. Left empty: the recipe's.",
            unit="per image",
            paper="none.",
            more=True,
        ),
    ] = None
    label_smoothing: Annotated[
        float | None,
        Field(ge=0, lt=1),
        setting("Label smoothing", "Share of the target spread over all classes. Left empty: the recipe's.", more=True),
    ] = None
    class_weighting: Annotated[
        float | None,
        Field(ge=0, le=1),
        setting(
            "Class weighting",
            "0: every image weighs the same, 1: every class does. Left empty: the recipe's.",
            paper="none.",
            more=True,
        ),
    ] = None
    weight_averaging: Annotated[
        float | None,
        Field(ge=0, lt=1),
        setting(
            "Averaged weights",
            "Decay a step of the moving average that is tested; 0 tests the network itself. Left empty: the recipe's.",
            more=True,
        ),
    ] = None
    mirrored_test: Annotated[
        Switch,
        setting(
            "Mirrored at test time",
            "Average the answers to an image and its mirror image, in test and diagnosis. Left empty: the recipe's.",
            more=True,
        ),
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
    def preprocessing(self) -> Preprocessing:
        """How images become the pixels of the run."""
        return Preprocessing(self.image_size, self.equalise)

    @property
    def training(self) -> Recipe:
        """The named recipe, each of its parts overridden where it was set by itself."""
        return RECIPES[self.recipe].model_copy(update=_set_by_hand(self, Recipe))

    @property
    def particulars(self) -> str:
        """What sets the training apart from the paper's, to be put behind a name: `, careful, equalised`."""
        parts = [
            *([self.recipe] if self.recipe != "paper" else []),
            *other_weight_of_images(self.recipe, self.training.model_dump()),
            *(["equalised"] if self.equalise else []),
        ]
        return "".join(f", {part}" for part in parts)

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


class ValidateSettings(TrainingSettings, ProtocolSettings):  # the fields of the latter come first
    """Cross-validate a classifier. The four leaks come from the protocol unless they are set one by one."""

    kind = "validate"
    label = "Validation"

    @property
    def subject(self) -> str:
        return f"{self.system}, {self._protocol_in_words()}{self.particulars}"

    def _protocol_in_words(self) -> str:
        leaking = open_leaks(self.system, self.leaks)
        if not leaking:
            return "strict"
        if leaking == possible_leaks(self.system):
            return "published"
        return f"with {' and '.join(LEAK_NAMES[name] for name in leaking)}"


def _set_by_hand(settings: JobSettings, parts: type[BaseModel]) -> dict[str, Any]:
    return {name: value for name in parts.model_fields if (value := getattr(settings, name)) is not None}
