"""How a classifier is trained, as named recipes: the paper's, and one with more care.

Source of `paper`: Samrin 2024, sections 3.3 and 3.4; it names neither optimiser nor loss, Adam and cross-entropy are
assumed. `careful` was compared with others on inner folds, its parts come from trials on BUSI as a whole: see
`benchmarks/RESULTS.md`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

RecipeName = Literal["paper", "careful"]


class Recipe(BaseModel):
    """What a training does beside going through its images for so many epochs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frozen_stages: int | None
    """Of the 19 stages, counted from the image, so many keep their ImageNet weights; None: as many as the machine needs
    to be quick enough (`classifiers.mobilenet.frozen_stages`)."""

    learning_rate: float
    """Of the optimiser; under `cosine` the highest."""

    weight_decay: float
    """0: Adam (Kingma and Ba 2015). Above: AdamW (Loshchilov and Hutter 2019), on all weights but those of batch
    normalisation and biases."""

    cosine: bool
    """The learning rate rises during the first twentieth of the training, then falls to zero along a cosine
    (Loshchilov and Hutter 2017)."""

    variants: int
    """Altered copies of every training image that stand in for it at random, beside itself and its mirror image; 0:
    the image alone."""

    label_smoothing: float
    """In [0, 1): this share of the target is spread over all classes (Szegedy et al. 2016)."""

    class_weighting: float
    """In [0, 1]: the loss of an image is weighted with the rarity of its class to this power; 0: all alike, 1: every
    class weighs the same."""

    weight_averaging: float
    """In [0, 1): the tested network is an exponential moving average of the trained one with this decay a step
    (Polyak and Juditsky 1992); 0: it is the trained one."""

    mirrored_test: bool
    """Test and diagnosis average the logits of an image and of its mirror image."""


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
    """Altered copies and class weights that are not the named recipe's, a phrase each: what is trained on is another
    then, so that such a run must not be taken for one of the recipe. `parts` are values by the fields of `Recipe`;
    those that are missing are as in the recipe."""
    named = RECIPES[name]
    variants = parts.get("variants", named.variants)
    weighting = parts.get("class_weighting", named.class_weighting)
    return [
        *([f"{variants or 'no'} altered copies"] if variants != named.variants else []),
        *([f"class weighting {weighting:g}"] if weighting != named.class_weighting else []),
    ]
