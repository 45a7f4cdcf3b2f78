"""Settings of a cross-validation."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from busapp.engine.contract.validation import Framing
from busapp.engine.images.preprocessing import Preprocessing
from busapp.engine.networks.entry import NetworkEntry, Options
from busapp.engine.networks.registry import DEFAULT, NETWORKS, MemberName, NetworkName, members_of, named
from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.protocol import ProtocolSettings, Switch, SystemSettings, set_by_hand
from busapp.engine.settings.recipes import (
    OPTIMIZERS,
    RECIPES,
    OptimizerName,
    Recipe,
    RecipeName,
    differences_in_words,
)
from busapp.engine.settings.synthesis import ALL_CLASSES, PresetName, SynthesizeSettings
from busapp.engine.settings.systems import LEAK_NAMES, open_leaks, possible_leaks

_ALWAYS_FROM_SCRATCH = [name for name, entry in NETWORKS.items() if entry.weights is None and entry.features is None]
_OF_FEATURES = [name for name, entry in NETWORKS.items() if entry.features is not None]


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
            f"{' and '.join(_ALWAYS_FROM_SCRATCH)} have no ImageNet weights. {', '.join(_OF_FEATURES)} train no "
            "network but classify the features of several. `busapp networks` says more about each.",
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
        setting(
            "Epochs",
            f"Passes over the training images in each fold. {', '.join(_OF_FEATURES)} need one.",
            paper="20.",
        ),
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
            "Weights file",
            "File with the ImageNet weights, or a folder with those of several networks, if they are not where the "
            "program looks for them.",
            more=True,
        ),
    ] = None
    feature_networks: Annotated[
        tuple[MemberName, ...],
        setting(
            "Networks for features",
            f"The networks whose features {', '.join(_OF_FEATURES)} take. Left empty: MobileNetV2, EfficientNet-Lite0 "
            "and SqueezeNet, whose ImageNet weights can be had in more ways than those of the papers' networks. Name "
            "these to have them.",
            paper="AlexNet, ResNet-50 and MobileNetV2 (Eroğlu et al.); VGG-16, VGG-19 and SqueezeNet (Ragab et al.).",
            more=True,
        ),
    ] = ()
    selected_features: Annotated[
        int,
        Field(ge=1, le=10_000),
        setting(
            "Selected features",
            "Number of features that mRMR selects for hybrid and hybrid-knn.",
            unit="features",
            paper="open here; 100 is assumed.",
            more=True,
            step=10,
        ),
    ] = 100
    neighbours: Annotated[
        int,
        Field(ge=1, le=1000),
        setting(
            "Neighbours",
            "Number of nearest training images that vote in hybrid-knn.",
            unit="images",
            paper="open here; 5 is assumed.",
            more=True,
        ),
    ] = 5
    evaluations: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        setting(
            "Evaluations",
            "How often the cats, Adam or random search may evaluate the perceptron of edlcds in each fold.",
            paper="open here; 2,000 is assumed.",
            more=True,
            step=100,
        ),
    ] = 2000
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
        """True if the training starts from ImageNet weights: they are wanted, and the network has some, or one of those
        whose features it takes."""
        return self.pretrained and any(one.weights for one in self.members or (NETWORKS[self.network],))

    @property
    def members(self) -> tuple[NetworkEntry, ...]:
        """The networks whose features the network takes. None if it is trained itself."""
        return members_of(self.network, self.feature_networks)

    @property
    def network_in_words(self) -> str:
        """The network for people, and those whose features it takes."""
        method = NETWORKS[self.network].features
        selected = self.selected_features if method and method.selects else None
        return named(self.network, self.feature_networks, selected, with_weights=self.pretrained)

    @property
    def passes(self) -> int:
        """Epochs of each fold: one if no network is trained."""
        return 1 if self.members else self.epochs

    @field_validator("feature_networks", mode="before")
    @classmethod
    def _parted_at_commas(cls, names: Any) -> Any:
        return tuple(part.strip() for name in names for part in str(name).split(","))

    @field_validator("feature_networks")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("name each network once")
        return names

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the run's images."""
        return Preprocessing(self.image_size, self.equalise, self.framing, self.denoise, self.segment)

    @property
    def training(self) -> Recipe:
        """The named recipe, each part overridden if it was set by itself. An optimiser that was set without a learning
        rate takes its usual one (`OPTIMIZERS`)."""
        named, by_hand = RECIPES[self.recipe], set_by_hand(self, Recipe)
        if self.optimizer is not None and self.learning_rate is None:
            by_hand["learning_rate"] = named.learning_rate * OPTIMIZERS[self.optimizer] / OPTIMIZERS[named.optimizer]
        return named.model_copy(update=by_hand)

    @property
    def particulars(self) -> str:
        """Differences of the training from the paper's, to append to a name: `, careful, equalised`."""
        parts = [
            *([self.network_in_words] if self.network != DEFAULT else []),
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
        return Options(
            width=self.width, kernel_size=preset.kernel_size, leak=preset.leak, shrunk=shrunk, members=self.members
        )


class ValidateSettings(TrainingSettings, ProtocolSettings, SystemSettings):  # the fields of the last come first
    """Cross-validate a classifier. The protocol sets the leaks; each can also be set by itself."""

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
