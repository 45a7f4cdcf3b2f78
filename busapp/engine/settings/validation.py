"""Settings of a cross-validation."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from busapp.engine.contract.validation import Framing
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.networks.entry import Options
from busapp.engine.networks.registry import DEFAULT, NETWORKS, NetworkName
from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.recipes import (
    OPTIMIZERS,
    RECIPES,
    OptimizerName,
    Recipe,
    RecipeName,
    differences_in_words,
)
from busapp.engine.settings.synthesis import ALL_CLASSES, PresetName, SynthesizeSettings
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
_ALWAYS_FROM_SCRATCH = [name for name, entry in NETWORKS.items() if entry.weights is None]


class SystemSettings(JobSettings):
    """The system that is cross-validated."""

    system: Annotated[
        SystemName,
        setting(
            "System",
            "existing: one stratified hold-out, 80/20. system1: cross-validation with real images. system2: "
            "cross-validation with synthetic images in the training folds only.",
        ),
    ] = "system1"


class ProtocolSettings(JobSettings):
    """Leaks of a cross-validation. The protocol sets all four leaks; each can also be set by itself."""

    protocol: Annotated[
        ProtocolName,
        setting("Protocol", "strict: no leaks. published: like the paper, with all its leaks."),
    ] = "strict"
    carry_weights: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['carry_weights']}",
            "Each fold continues from the weights of the fold before.",
            more=True,
        ),
    ] = None
    split_duplicates: Annotated[
        Switch,
        setting(f"Leak: {LEAK_NAMES['split_duplicates']}", "Groups may be split between training and test.", more=True),
    ] = None
    keep_conflicts: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['keep_conflicts']}",
            "Near-duplicates with contradicting labels stay in the dataset.",
            more=True,
        ),
    ] = None
    generator_sees_test: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['generator_sees_test']}",
            "One generator per class for all folds, trained on test images too.",
            more=True,
        ),
    ] = None

    @property
    def leaks(self) -> Leaks:
        """The four leaks of the protocol, each overridden if it was set by itself."""
        return PROTOCOLS[self.protocol].model_copy(update=_set_by_hand(self, Leaks))


class TrainingSettings(JobSettings):
    """Settings for making the folds and training a classifier on each."""

    recipe: Annotated[
        RecipeName,
        setting(
            "Recipe",
            "paper: as published, with Adam only. careful: altered copies of the training images, weighted classes, a "
            "falling learning rate and everything else that helped under strict. histology: that of the paper on "
            "histology, altered copies and weighted classes.",
        ),
    ] = "paper"
    network: Annotated[
        NetworkName,
        setting(
            "Network",
            "The network that is trained. mobilenet-v2 is the paper's. "
            f"{' and '.join(_ALWAYS_FROM_SCRATCH)} have no ImageNet weights. `busapp networks` says more about each.",
            paper=f"{NETWORKS[DEFAULT].title}.",
            usual=True,
        ),
    ] = DEFAULT
    folds: Annotated[
        int,
        Field(ge=2, le=50),
        setting("Folds", "Number of folds of the cross-validation. existing has one.", paper="10."),
    ] = 10
    epochs: Annotated[
        int,
        Field(ge=1, le=1000),
        setting("Epochs", "Passes over the training images in each fold.", paper="20."),
    ] = 20
    batch_size: Annotated[
        int,
        Field(ge=2, le=512),
        setting("Batch size", "Images per training step.", unit="images", paper="open; 32 is assumed.", more=True),
    ] = 32
    image_size: Annotated[
        int,
        Field(ge=16, le=512),
        setting(
            "Image size",
            "Images are resized to a square with this side. EfficientNet-Lite0 needs a multiple of 32.",
            unit="px",
            paper="224.",
            more=True,
            step=32,
        ),
    ] = 224
    framing: Annotated[
        Framing,
        setting(
            "Framing",
            "stretch: the whole image becomes the square, whatever its aspect. centre: the shorter side is resized to "
            "8/7 of the image size, and the central square is taken (256 and 224 pixels). What lies outside is never "
            "seen. Generators are trained on whole, stretched images; of what they draw, the centre is taken too.",
            paper="stretch. Zion and Tripathy took the centre.",
            more=True,
        ),
    ] = "stretch"
    denoise: Annotated[
        bool,
        setting(
            "Noise filter",
            "Remove noise with a Wiener filter (3×3 pixels), in training, test and diagnosis, before any equalisation.",
            paper="none. Ragab et al. filtered ultrasound images so; the window is assumed.",
            more=True,
        ),
    ] = False
    equalise: Annotated[
        bool,
        setting(
            "Adaptive equalisation",
            "Raise the contrast of every image tile by tile (CLAHE), in training, test and diagnosis. Generators are "
            "trained on images without it; the images they draw are then equalised like the real ones.",
            paper="none. Zion and Tripathy planned to compare histopathology images with and without it.",
            more=True,
        ),
    ] = False
    segment: Annotated[
        bool,
        setting(
            "Segmentation",
            "Make everything black that is darker than the threshold of largest entropy (Kapur), as the last step, in "
            "training, test and diagnosis. The brighter part stays as it is.",
            paper="none. Ragab et al. segmented ultrasound images by Kapur's entropy with several thresholds. Here "
            "it is one; that the brighter part stays is assumed.",
            more=True,
        ),
    ] = False
    width: Annotated[
        float,
        Field(ge=0.1, le=2.0),
        setting(
            "Width",
            "Width multiplier of MobileNetV2. ImageNet weights and other networks need 1.0.",
            paper="1.0.",
            more=True,
        ),
    ] = 1.0
    frozen_stages: Annotated[
        int | None,
        Field(ge=0, le=36),
        setting(
            "Frozen stages",
            "Number of stages that keep their ImageNet weights; MobileNetV2 has 19. Their activations are computed "
            "only once. Left empty: as in the recipe; for paper, 7 of 19 without a GPU and 0 with one. Without "
            "ImageNet weights: 0.",
            paper='"layers are frozen … and are fine-tuned"; the number is open.',
            more=True,
        ),
    ] = None
    pretrained: Annotated[
        bool,
        setting(
            "ImageNet weights",
            "Start from weights trained on ImageNet, if the network has any. Switch off to train from scratch.",
            paper="pre-trained on ImageNet.",
            more=True,
        ),
    ] = True
    weights_file: Annotated[
        Path | None,
        setting(
            "Weights file", "File with the ImageNet weights, if it is not where the program looks for it.", more=True
        ),
    ] = None
    seed: Annotated[
        int,
        Field(ge=0, lt=2**31),
        setting("Seed", "Seed of the split, the order of the images and the new layer.", more=True),
    ] = 0
    optimizer: Annotated[
        OptimizerName | None,
        setting(
            "Optimiser",
            "adam: Adam, with weight decay AdamW. sgd: gradient descent with momentum. rmsprop: RMSprop. Left empty: "
            "as in the recipe.",
            paper="open; Adam is assumed. Zion and Tripathy compared several without naming them.",
            more=True,
        ),
    ] = None
    learning_rate: Annotated[
        float | None,
        Field(gt=0, le=1),
        setting(
            "Learning rate",
            "Learning rate of the optimiser. Left empty: as in the recipe; for sgd 100 times that.",
            paper="open; Adam with 0.0001 is assumed.",
            more=True,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        Field(ge=0, le=1),
        setting(
            "Weight decay",
            "Weight decay; Adam with 0. Left empty: as in the recipe.",
            paper="none.",
            more=True,
        ),
    ] = None
    cosine: Annotated[
        Switch,
        setting(
            "Falling learning rate",
            "Lower the learning rate to zero along a cosine. Left empty: as in the recipe.",
            more=True,
        ),
    ] = None
    variants: Annotated[
        int | None,
        Field(ge=0, le=64),
        setting(
            "Altered copies",
            "Number of altered copies of each training image: mirrored, shifted, rotated a little, brighter or darker. "
            "Left empty: as in the recipe.",
            unit="per image",
            paper="none.",
            more=True,
        ),
    ] = None
    label_smoothing: Annotated[
        float | None,
        Field(ge=0, lt=1),
        setting(
            "Label smoothing",
            "Share of the target that is spread over all classes. Left empty: as in the recipe.",
            more=True,
        ),
    ] = None
    class_weighting: Annotated[
        float | None,
        Field(ge=0, le=1),
        setting(
            "Class weighting",
            "0: every image weighs the same. 1: every class weighs the same. Left empty: as in the recipe.",
            paper="none.",
            more=True,
        ),
    ] = None
    weight_averaging: Annotated[
        float | None,
        Field(ge=0, lt=1),
        setting(
            "Averaged weights",
            "Test a moving average of the network's weights, with this decay per step. 0: test the network itself. "
            "Left empty: as in the recipe.",
            more=True,
        ),
    ] = None
    mirrored_test: Annotated[
        Switch,
        setting(
            "Mirrored at test time",
            "In test and diagnosis, average the outputs for an image and its mirror image. Left empty: as in the "
            "recipe.",
            more=True,
        ),
    ] = None
    generator_preset: Annotated[
        PresetName,
        setting(
            "Generator preset",
            "Preset for generators that system2 has to train, and for the GAN of gan-resnet and gan-discriminator.",
            more=True,
        ),
    ] = "quick"
    generator_epochs: Annotated[
        int | None,
        Field(ge=1),
        setting(
            "Generator epochs", "Epochs of these generators. Left empty: as in the preset.", unit="epochs", more=True
        ),
    ] = None
    generator_size: Annotated[
        int | None,
        Field(ge=16, le=512, multiple_of=8),
        setting(
            "Generator size",
            "Width and height of the images that system2 draws. Left empty: as in the preset.",
            unit="px",
            paper="224.",
            more=True,
            step=8,
        ),
    ] = None

    @property
    def starts_from_imagenet(self) -> bool:
        """True if the training starts from ImageNet weights: they are wanted, and the network has some."""
        return self.pretrained and NETWORKS[self.network].weights is not None

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the run's images."""
        return Preprocessing(self.image_size, self.equalise, self.framing, self.denoise, self.segment)

    @property
    def training(self) -> Recipe:
        """The named recipe, each part overridden if it was set by itself. An optimiser that was set without a learning
        rate takes its usual one (`OPTIMIZERS`)."""
        named, by_hand = RECIPES[self.recipe], _set_by_hand(self, Recipe)
        if self.optimizer is not None and self.learning_rate is None:
            by_hand["learning_rate"] = named.learning_rate * OPTIMIZERS[self.optimizer] / OPTIMIZERS[named.optimizer]
        return named.model_copy(update=by_hand)

    @property
    def particulars(self) -> str:
        """Differences of the training from the paper's, to append to a name: `, careful, equalised`."""
        parts = [
            *([NETWORKS[self.network].title] if self.network != DEFAULT else []),
            *([self.recipe] if self.recipe != "paper" else []),
            *differences_in_words(self.recipe, self.training.model_dump()),
            *(step.short for step in self.preprocessing.steps),
        ]
        return "".join(f", {part}" for part in parts)

    def generator(self, class_name: str) -> SynthesizeSettings:
        """Settings of a generator that `system2` has to train."""
        return SynthesizeSettings.model_validate(
            {
                "class_name": class_name,
                "preset": self.generator_preset,
                "epochs": self.generator_epochs,
                "image_size": self.generator_size,
                "seed": self.seed,
            }
        )

    @property
    def needs_discriminator(self) -> bool:
        """True if a part of the network is the discriminator of a GAN, which has to be trained first."""
        return NETWORKS[self.network].needs_discriminator

    @property
    def gan(self) -> SynthesizeSettings:
        """Settings of the GAN whose discriminator is a part of the network. It is trained on all classes, at the size
        of the images or at a whole fraction of it."""
        size = round(self.image_size / self.options.shrunk / 8) * 8
        return self.generator(ALL_CLASSES).model_copy(update={"image_size": max(16, size)})

    @property
    def options(self) -> Options:
        """The options of the network. Images that are much larger than those of the preset are made smaller for the
        discriminator."""
        preset = self.generator(ALL_CLASSES)
        shrunk = max(1, round(self.image_size / preset.image_size))
        return Options(width=self.width, kernel_size=preset.kernel_size, leak=preset.leak, shrunk=shrunk)


class ValidateSettings(TrainingSettings, ProtocolSettings, SystemSettings):  # the fields of the last come first
    """Cross-validate a classifier. The protocol sets the four leaks; each can also be set by itself."""

    kind = "validate"
    label = "Validation"

    @property
    def subject(self) -> str:
        return f"{self.system}, {self.protocol_in_words}{self.particulars}"

    @property
    def uses_generators(self) -> bool:
        """True if generators are trained: to draw images, or for their discriminators."""
        return self.system == "system2" or self.needs_discriminator

    @property
    def open_leaks(self) -> list[str]:
        """Leaks that are open, by the fields of `Leaks`."""
        return open_leaks(self.system, self.leaks, self.network)

    @property
    def protocol_in_words(self) -> str:
        """`strict`, `published`, or the open leaks: `with weights carried over`."""
        leaking = self.open_leaks
        if not leaking:
            return "strict"
        if leaking == possible_leaks(self.system, self.network):
            return "published"
        return f"with {' and '.join(LEAK_NAMES[name] for name in leaking)}"


def _set_by_hand(settings: JobSettings, parts: type[BaseModel]) -> dict[str, object]:
    return {name: value for name in parts.model_fields if (value := getattr(settings, name)) is not None}
