"""Named recipes for training a classifier: the paper's, and a more careful one.

Source of `paper`: Samrin 2024, sections 3.3 and 3.4. The paper names neither optimiser nor loss; Adam and cross-entropy
are assumed. `careful` was compared with other recipes on inner folds. Its parts come from trials on all of BUSI; see
`benchmarks/RESULTS.md`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

RecipeName = Literal["paper", "careful"]


class Recipe(BaseModel):
    """Everything that defines a training besides the images, their size and the number of epochs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frozen_stages: int | None
    """Number of stages, of MobileNetV2's 19 counted from the image, that keep their ImageNet weights. None: as many as
    the machine needs to be fast enough (`classifiers.building.frozen_stages`)."""

    learning_rate: float
    """Learning rate of the optimiser; with `cosine` its highest value."""

    weight_decay: float
    """0: Adam (Kingma and Ba 2015). Above 0: AdamW (Loshchilov and Hutter 2019), on all weights except biases and those
    of batch normalisation."""

    cosine: bool
    """The learning rate rises during the first twentieth of the training, then falls to zero along a cosine
    (Loshchilov and Hutter 2017)."""

    variants: int
    """Number of altered copies of each training image. Every epoch uses the image, its mirror image or one of the
    copies, at random. 0: always the image itself."""

    label_smoothing: float
    """Share of the target that is spread over all classes, in [0, 1) (Szegedy et al. 2016)."""

    class_weighting: float
    """Power in [0, 1]: the loss of an image is weighted with the rarity of its class to this power. 0: every image
    weighs the same; 1: every class weighs the same."""

    weight_averaging: float
    """Decay per step, in [0, 1): the tested network is an exponential moving average of the trained one with this decay
    (Polyak and Juditsky 1992). 0: the trained network itself is tested."""

    mirrored_test: bool
    """True if test and diagnosis average the logits of an image and its mirror image."""


RECIPES: dict[RecipeName, Recipe] = {
    "paper": Recipe(
        frozen_stages=None,
        learning_rate=1e-4,
        weight_decay=0.0,
        cosine=False,
        variants=0,
        label_smoothing=0.0,
        class_weighting=0.0,
        weight_averaging=0.0,
        mirrored_test=False,
    ),
    "careful": Recipe(
        frozen_stages=4,
        learning_rate=5e-4,
        weight_decay=0.05,
        cosine=True,
        variants=8,
        label_smoothing=0.1,
        class_weighting=0.5,
        weight_averaging=0.995,
        mirrored_test=True,
    ),
}


def other_weight_of_images(name: RecipeName, parts: Mapping[str, Any]) -> list[str]:
    """Phrases for altered copies and class weights that differ from the named recipe. They change the training data, so
    such a run must not count as a run of that recipe. `parts` are values by field of `Recipe`; missing fields are as in
    the recipe."""
    named = RECIPES[name]
    variants = parts.get("variants", named.variants)
    weighting = parts.get("class_weighting", named.class_weighting)
    return [
        *([f"{variants or 'no'} altered copies"] if variants != named.variants else []),
        *([f"class weighting {weighting:g}"] if weighting != named.class_weighting else []),
    ]
