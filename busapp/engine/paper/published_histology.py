"""The published numbers of the second paper, on histology patches, and what it contradicts itself in or leaves open.

Source: Zion and Tripathy, "Amalgamation of GAN and ResNet methods in accurate detection of Breast Cancer with
Histopathological Images" (`gan-resnet-histopathology`). It names no data set, no protocol and no number of images. What
was built of its network is in `networks/resnet_small.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from busapp.engine.networks.registry import NETWORKS

PAPER: Final = "zion"
"""The paper's name in the registry of networks (`NetworkEntry.paper`) and in the names of files."""
AUTHORS: Final = "Zion and Tripathy"
SOURCE: Final = f"{AUTHORS}, Table 2"
CONTRADICTS: Final = f"{AUTHORS} contradict themselves, or leave open:"
"""The heading of `contradictions`."""
CLASSES: Final = 2
"""Number of classes: with cancer (1) and without (0)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A row of Table 1: its type, the shape of its output without the batch, and its number of parameters."""

    kind: str
    shape: tuple[int, ...]
    parameters: int


LAYERS: Final = (
    Layer("Conv2D", (25, 25, 64), 9_472),
    Layer("BatchNormalization", (25, 25, 64), 256),
    Layer("Activation (ReLU)", (25, 25, 64), 0),
    Layer("MaxPooling2D", (13, 13, 64), 0),
    Layer("Conv2D", (13, 13, 64), 4_160),
    Layer("BatchNormalization", (13, 13, 64), 256),
    Layer("Activation (ReLU)", (13, 13, 64), 0),
    Layer("Conv2D", (13, 13, 64), 36_928),
    Layer("BatchNormalization", (13, 13, 64), 256),
    Layer("Conv2D", (26, 26, 3), 771),
    Layer("AveragePooling2D", (3, 3, 3), 0),
    Layer("Flatten", (27,), 0),
    Layer("Dense", (1800,), 28_000),
)
TOTAL: Final = 308_323
TRAINABLE: Final = 307_171
NOT_TRAINABLE: Final = 1_152
"""Parameters below the rows of Table 1."""
_STATED_DEPTH: Final = 34
"""Weighted layers of the "basic network" of section 3."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of Table 2. `accuracy` is a fraction in [0, 1]. `reference` is its number in the list of references, None
    for the paper's own method. `lowest` and `highest` are the range of section 4, None if none is given."""

    authors: str
    model: str
    accuracy: float
    reference: int | None = None
    lowest: float | None = None
    highest: float | None = None

    @property
    def in_words(self) -> str:
        """`Alruwaili et al. [1]: ResNet`."""
        number = "" if self.reference is None else f" [{self.reference}]"
        return f"{self.authors}{number}: {self.model}"


PROPOSED: Final = Compared(f"{AUTHORS}, proposed", "GAN + ResNet", 0.98, lowest=0.95, highest=0.988)
COMPARED: Final = (
    Compared("Alruwaili et al.", "ResNet", 0.70, reference=1),
    Compared("Zebari et al.", "CNN", 0.9571, reference=33),
    PROPOSED,
)
_CITED: Final = Compared("", "", 0.9571, reference=1)
"""The accuracy that section 2 gives to a reference of Table 2."""


def describes(network: str) -> bool:
    """True if the paper describes this network of the registry."""
    return network in NETWORKS and NETWORKS[network].paper == PAPER


def contradictions(layers: Sequence[Layer] = LAYERS, compared: Sequence[Compared] = COMPARED) -> list[str]:
    """Sentences on the paper's numbers that contradict each other, and on what it leaves open. They belong wherever its
    table or figures are shown. `layers` are the rows of Table 1, `compared` those of Table 2."""
    return [f"{AUTHORS}: {sentence}" for sentence in (*_of_table_1(layers), *_of_text(layers), *_of_table_2(compared))]


def contradictions_of_accuracies() -> list[str]:
    """The sentences on Table 2 alone, for tables that show only its accuracies."""
    return [f"{AUTHORS}: {sentence}" for sentence in _of_table_2(COMPARED)]


def _of_table_1(layers: Sequence[Layer]) -> list[str]:
    found = []
    rows = sum(layer.parameters for layer in layers)
    if rows != TOTAL:
        found.append(f"The rows of Table 1 add up to {rows:,} parameters, its total is {TOTAL:,}.")
    normalised = [layer for layer in layers if layer.kind == "BatchNormalization"]
    channels = normalised[0].shape[-1]
    if 2 * sum(layer.shape[-1] for layer in normalised) != NOT_TRAINABLE:
        found.append(
            f"The {NOT_TRAINABLE:,} parameters of Table 1 that are not trained are those of "
            f"{NOT_TRAINABLE / (2 * channels):g} batch normalisations of {channels} channels (2 × {channels} each); "
            f"{len(normalised)} are listed."
        )
    for before, layer in pairwise(layers):
        if layer.kind == "Conv2D" and layer.shape[0] > before.shape[0]:
            found.append(_larger(before, layer))
        if layer.kind == "Dense":
            inputs, outputs = before.shape[0], layer.shape[0]
            needed = inputs * outputs + outputs
            if needed != layer.parameters:
                found.append(
                    f"{outputs:,} outputs of {inputs} inputs need {inputs} × {outputs:,} + {outputs:,} = {needed:,} "
                    f"parameters, Table 1 gives {layer.parameters:,}."
                )
    last = layers[-1].shape[-1]
    if last != CLASSES:
        found.append(f"Table 1 ends with {last:,} outputs; nothing in it leads to {CLASSES} classes.")
    return found


def _larger(before: Layer, layer: Layer) -> str:
    """A convolution with an output larger than its input."""
    (height, width, inputs), (_, _, filters) = before.shape, layer.shape
    area = (layer.parameters - filters) / (inputs * filters)
    side = round(area**0.5)
    small, large = (f"{rows}×{columns}" for rows, columns in (before.shape[:2], layer.shape[:2]))
    only = (
        f"on the {inputs} channels before it, {layer.parameters:,} parameters fit only {side}×{side} "
        f"({side}·{side}·{inputs}·{filters} + {filters})"
        if side * side == area
        else f"on the {inputs} channels before it, {layer.parameters:,} parameters fit no square filter"
    )
    step = layer.shape[0] // height
    return (
        f"Table 1 has a Conv2D of {large} after {height}×{width}: a convolution makes no {large} of {small}, only a "
        f"transposed one does, with steps of {step}; {only}."
    )


def _of_text(layers: Sequence[Layer]) -> list[str]:
    deep = NETWORKS[f"resnet-{_STATED_DEPTH}"]
    weighted = sum(layer.kind in ("Conv2D", "Dense") for layer in layers)
    return [
        f"Section 3 speaks of a ResNet of {_STATED_DEPTH} layers “based on VGG-19”. A {_STATED_DEPTH}-layer ResNet has "
        f"{deep.parameters / 1e6:.0f} million weights; Table 1 has {TOTAL / 1e6:.1f} million, and lists {weighted} "
        "layers with weights besides its normalisations.",
        "Section 3 speaks of “fundus images”, of “glaucoma” and of “retinal feature representations”, in a paper on "
        "breast histology.",
        "Section 4 describes Figures 10 and 11 with the same sentence, and the caption of Figure 11 is that of Figure "
        "9, on breast density.",
    ]


def _of_table_2(compared: Sequence[Compared]) -> list[str]:
    found = []
    for row in compared:
        if row.accuracy == _CITED.accuracy and row.reference != _CITED.reference:
            own = next((each for each in compared if each.reference == _CITED.reference), None)
            beside = f", and gives [{own.reference}] {as_printed(own.accuracy)} %" if own else ""
            found.append(
                f"Section 2 reports {as_printed(row.accuracy)} % from reference [{_CITED.reference}]; Table 2 gives "
                f"this number to {row.authors} [{row.reference}]{beside}."
            )
        if row.lowest is not None and row.highest is not None:
            found.append(
                f"The accuracy is {as_printed(row.accuracy)} % in the abstract and Table 2, and {100 * row.lowest:.1f} "
                f"to {100 * row.highest:.2f} % in section 4, without saying over what it ranges."
            )
    numbers = " and ".join(f"[{row.reference}]" for row in compared if row.reference is not None)
    found += [
        f"Table 2 names no protocol, and its references {numbers} are on other data, mammograms.",
        "No data set is named. No split, no number of patients or images, and no count of the classes is given.",
    ]
    return found


def as_printed(accuracy: float) -> str:
    """A published accuracy, a fraction, as the paper prints it in per cent: `70`, `95.71`."""
    return f"{100 * accuracy:.2f}".rstrip("0").rstrip(".")
