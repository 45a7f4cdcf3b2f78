"""Named recipes for training a classifier: those of the two papers, and a more careful one.

Source of `paper`: Samrin 2024, sections 3.3 and 3.4. The paper names neither optimiser nor loss; Adam and cross-entropy
are assumed. `careful` was compared with other recipes on inner folds. Its parts come from trials on all of BUSI; see
`benchmarks/RESULTS.md`. Source of `histology`: Zion and Tripathy, sections 1 and 3: a loss that accounts for unequal
classes, altered images in training and in testing; a learning rate is not named, and that of `paper` is assumed.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

RecipeName = Literal["paper", "careful", "histology"]
OptimizerName = Literal["adam", "sgd", "rmsprop"]
OPTIMIZERS: Final[dict[OptimizerName, float]] = {"adam": 1.0, "sgd": 100.0, "rmsprop": 1.0}
"""The usual learning rate of each optimiser, as a multiple of Adam's: 0.01 of SGD with momentum to 0.0001."""

_TITLES: Final[dict[OptimizerName, str]] = {"adam": "Adam", "sgd": "SGD with momentum", "rmsprop": "RMSprop"}


class Recipe(BaseModel):
    """Everything that defines a training besides the images, their size and the number of epochs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frozen_stages: int | None
    """Number of stages, of MobileNetV2's 19 counted from the image, that keep their ImageNet weights. None: as many as
    the machine needs to be fast enough (`classifiers.building.frozen_stages`)."""

    optimizer: OptimizerName = "adam"
    """`adam`: Adam (Kingma and Ba 2015), with weight decay AdamW (Loshchilov and Hutter 2019). `sgd`: stochastic
    gradient descent with Nesterov's momentum of 0.9. `rmsprop`: RMSprop (Hinton 2012)."""

    learning_rate: float
    """Learning rate of the optimiser; with `cosine` its highest value."""

    weight_decay: float
    """On all weights except biases and those of batch normalisation."""

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

    @property
    def optimizer_in_words(self) -> str:
        """`AdamW, weight decay 0.05`."""
        decay = f", weight decay {self.weight_decay:g}" if self.weight_decay else ""
        return optimizer_title(self.optimizer, self.weight_decay) + decay


def optimizer_title(name: OptimizerName, weight_decay: float = 0.0) -> str:
    """`AdamW`, which is Adam with weight decay."""
    return "AdamW" if name == "adam" and weight_decay else _TITLES[name]


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
    "histology": Recipe(
        frozen_stages=None,
        learning_rate=1e-4,
        weight_decay=0.0,
        cosine=False,
        variants=8,
        label_smoothing=0.0,
        class_weighting=1.0,
        weight_averaging=0.0,
        mirrored_test=True,
    ),
}


def same_recipe(kept: Mapping[str, Any] | None, recipe: Recipe) -> bool:
    """True if the parts of a recipe that a run kept are those of this one. Parts that an earlier version did not have
    are as they were then; runs of the first versions kept none, and nothing speaks against them."""
    try:
        return kept is None or Recipe.model_validate(kept) == recipe
    except ValidationError:  # of a newer version
        return False


def differences_in_words(name: RecipeName, parts: Mapping[str, Any]) -> list[str]:
    """Phrases for another optimiser, altered copies and class weights than those of the named recipe: such a run must
    not count as a run of that recipe. `parts` are values by field of `Recipe`; missing fields are as in the recipe."""
    named = RECIPES[name]
    own = named.model_copy(update={part: value for part, value in parts.items() if part in Recipe.model_fields})
    variants, weighting = own.variants, own.class_weighting
    return [
        *([own.optimizer_in_words] if own.optimizer_in_words != named.optimizer_in_words else []),
        *([f"{variants or 'no'} altered copies"] if variants != named.variants else []),
        *([f"class weighting {weighting:g}"] if weighting != named.class_weighting else []),
    ]
