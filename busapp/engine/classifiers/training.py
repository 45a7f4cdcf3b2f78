"""Training of a classifier: one loop for every recipe (`settings/recipes.py`). Its functions are steps that yield the
number of images that are done, so that a job can be paused or cancelled at any of them.
"""

import copy
import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from busapp.engine.classifiers.augmentation import MIRRORED, number_of_views
from busapp.engine.classifiers.building import build, frozen_stages
from busapp.engine.classifiers.feature_store import FeatureStore, make_feature_store
from busapp.engine.classifiers.memory import refuse_too_large
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.layers.discriminator import use_discriminator
from busapp.engine.networks.layers.staged import divide
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.checkpoints import Arrays
from busapp.engine.utils.arrays import Indices
from busapp.engine.utils.devices import find_device, mixed_precision
from busapp.errors import TrainingDiverged

WARM_UP = 0.05
"""Share of the epochs during which the learning rate rises from a tenth, before it falls along a cosine."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """Result of one pass over images: mean cross-entropy, share of correct answers in [0, 1], and seconds of work,
    without the time for which the job was paused."""

    loss: float
    accuracy: float
    seconds: float


def batches(order: Indices, size: int) -> Iterator[Indices]:
    """Yield batches of `size`. A last batch of one image joins the batch before it, since batch normalisation has no
    variance to divide by if a single image ends in a 1×1 map."""
    ends = list(range(size, len(order), size))
    if ends and len(order) - ends[-1] == 1:
        ends.pop()
    for begin, end in pairwise([0, *ends, len(order)]):
        yield order[begin:end]


def class_weights(labels: Indices, n_classes: int, weighting: float) -> Tensor:
    """Weights float32 (classes,) of the loss: the rarer a class, the larger. Their mean over the images is 1."""
    counts = np.bincount(labels, minlength=n_classes)
    rarity = (1 / np.maximum(counts, 1)) ** weighting
    return torch.from_numpy(rarity * counts.sum() / (rarity * counts).sum()).float()


class Learner:
    """A network in training by a run's recipe: a frozen stem, a trainable rest, and the optimiser.

    `network` is trained. `tested` gives the answers: it is the same network, or a moving average of it if the recipe
    averages weights.
    """

    def __init__(self, n_classes: int, settings: ValidateSettings) -> None:
        """Raises the errors of `building.build`, and `BadInput` if there is not enough memory to train."""
        self.n_classes, self.settings = n_classes, settings
        self.recipe = settings.training
        self.device = find_device()
        self.mixed = mixed_precision(self.device)
        self.network = build(n_classes, settings, settings.seed).to(self.device)
        self.freeze(frozen_stages(settings, self.device))
        self._first = self._weights()
        self._refuse_too_large()

    def _refuse_too_large(self) -> None:
        size = self.settings.image_size
        with torch.no_grad():
            example = self.stem(torch.zeros(1, 3, size, size, device=self.device))
        title = NETWORKS[self.settings.network].title
        refuse_too_large(title, self.rest, example, self.settings.batch_size, size)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def freeze(self, stages: int) -> None:
        """Freeze the first `stages` stages, and make a new optimiser for the rest."""
        self.stages = stages
        self.network.requires_grad_(True)
        self.stem, self.rest = divide(self.network, stages)
        self.tested = copy.deepcopy(self.network) if self.recipe.weight_averaging else self.network
        self._tested_rest = divide(self.tested, stages)[1]
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.Optimizer:
        """The recipe's optimiser. Biases and batch normalisation do not decay."""
        parameters = list(self.rest.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.recipe.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        # torch's defaults, written down so that a later version cannot change them in the middle of a run
        fused = self.device.type != "mps"
        rate = self.recipe.learning_rate
        match self.recipe.optimizer:
            case "adam":  # AdamW; without weight decay it is Adam
                constants: dict[str, Any] = {"betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False}
                return torch.optim.AdamW(groups, lr=rate, fused=fused, **constants)
            case "sgd":
                return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=fused)
            case "rmsprop":
                return torch.optim.RMSprop(groups, lr=rate, alpha=0.99, eps=1e-8)

    def begin_fold(self, *, carry_weights: bool, discriminator: Arrays | None = None) -> None:
        """Restore the initial weights, or keep those of the fold before, and use the weights of a discriminator, if one
        is a part of the network. The optimiser starts anew in any case: Figure 13 shows that the paper carried weights
        over, and nothing says that it carried the optimiser over."""
        if not carry_weights:
            self.network.load_state_dict(self._first)
        if discriminator is not None:
            use_discriminator(self.network, discriminator)
        self.tested.load_state_dict(self.network.state_dict())
        self.optimizer = self._new_optimizer()

    # -- input ---------------------------------------------------------------------------------------------

    def prepare(self, pixels: Pixels) -> Generator[int, None, FeatureStore]:
        """The store of images uint8 (n, size, size, 3). Yields the number of images that are done."""
        return (
            yield from make_feature_store(
                pixels, number_of_views(self.recipe), self._after_stem if self.stages else None, self.device
            )
        )

    def _after_stem(self, pixels: Tensor) -> Tensor:
        """The output of the frozen stem (n, c, h, w), for pixels uint8 (n, size, size, 3)."""
        with torch.no_grad():
            found: Tensor = self.stem(self.network.normalised(pixels.to(self.device)))
        return found

    def _logits(self, rest: nn.Module, store: FeatureStore, images: Indices, views: Indices) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.mixed):
            taken = store.take(images, views)
            is_pixels = taken.dtype == torch.uint8
            taken = self._after_stem(taken) if is_pixels else taken.float().permute(0, 3, 1, 2)
            logits: Tensor = rest(taken)
        return logits.float()

    # -- the loop ------------------------------------------------------------------------------------------

    def train_one_epoch(
        self, store: FeatureStore, labels: Indices, chosen: Indices, fold: int, epoch: int
    ) -> Generator[int, None, PassResult]:
        """Train once, in random order, on the `chosen` images. Yields the number of images that are done.

        `labels` (n,) are for the whole store; `epoch` counts from 1. Everything random (the order, the views, the
        dropout) depends only on seed, fold and epoch, so that a resumed run needs no random state. Loss and accuracy
        are running ones: each image counts as the network answered when it was trained on it, with the plain
        cross-entropy.

        Raises:
            TrainingDiverged: the loss is not a finite number.
        """
        drawn_seed, dropout_seed = np.random.SeedSequence((self.settings.seed, fold, epoch)).generate_state(2)
        rng = np.random.default_rng(drawn_seed)
        order = rng.permutation(chosen)
        views = rng.integers(store.views, size=len(order)) if self.recipe.variants else np.zeros(len(order), np.intp)
        torch.manual_seed(int(dropout_seed))
        targets = torch.from_numpy(labels).to(self.device)
        weights = class_weights(labels[chosen], self.n_classes, self.recipe.class_weighting).to(self.device)
        self.rest.train()
        done, loss_sum, right, seconds = 0, 0.0, 0, 0.0
        for batch in batches(np.arange(len(order)), self.settings.batch_size):
            began = time.perf_counter()
            self._set_learning_rate(epoch - 1 + done / len(order))
            target = targets[order[batch]]
            logits = self._logits(self.rest, store, order[batch], views[batch])
            loss = self._loss(logits, target, weights)
            if not math.isfinite(loss.item()):
                raise self._diverged()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            if self.recipe.weight_averaging:
                self._average(steps_done=((epoch - 1) * len(order) + done) // self.settings.batch_size)
            done += len(batch)
            loss_sum += float(cross_entropy(logits.detach(), target)) * len(batch)
            right += int((logits.argmax(1) == target).sum())
            seconds += time.perf_counter() - began
            yield done
        return PassResult(loss_sum / done, right / done, seconds)

    def _set_learning_rate(self, epochs_done: float) -> None:
        share = epochs_done / self.settings.epochs
        factor = (
            min(1.0, (share + 0.005) / WARM_UP) * (1 + math.cos(math.pi * share)) / 2 if self.recipe.cosine else 1.0
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * factor

    def _average(self, steps_done: int) -> None:
        """Move the tested weights towards the trained ones. They follow closely at first; otherwise they would still be
        near the initial weights at the end of a short training."""
        decay = min(self.recipe.weight_averaging, (2 + steps_done) / (11 + steps_done))
        both = zip(self._tested_rest.state_dict().values(), self.rest.state_dict().values(), strict=True)
        for average, trained in both:
            if average.is_floating_point():
                average.lerp_(trained, 1 - decay)
            else:
                average.copy_(trained)

    def _loss(self, logits: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Mean of the weighted cross-entropies of the images."""
        each = cross_entropy(logits, target, reduction="none", label_smoothing=self.recipe.label_smoothing)
        return (each * weights[target]).mean()

    def _diverged(self) -> TrainingDiverged:
        return TrainingDiverged(
            "The loss is no longer a finite number",
            remedy=f"Choose a learning rate below {self.recipe.learning_rate:g} and start a new run. The finished "
            "folds are kept in predictions.csv.",
        )

    def evaluate(
        self, store: FeatureStore, labels: Indices, chosen: Indices
    ) -> Generator[int, None, tuple[np.ndarray, PassResult]]:
        """Logits, float32 (len(chosen), classes), of the `chosen` images, with their loss and accuracy. If the recipe
        asks for it, logits are means over each image and its mirror image. Yields the number of images that are done.

        Raises:
            TrainingDiverged: a logit or the loss is not a finite number.
        """
        self._tested_rest.eval()
        logits, done, seconds = [], 0, 0.0
        views = (0, MIRRORED) if self.recipe.mirrored_test else (0,)
        for begin in range(0, len(chosen), 32):
            began = time.perf_counter()
            batch = chosen[begin : begin + 32]
            with torch.no_grad():
                each = [self._logits(self._tested_rest, store, batch, np.full(len(batch), number)) for number in views]
            logits.append(torch.stack(each).mean(0).cpu())
            done += len(batch)
            seconds += time.perf_counter() - began
            yield done
        all_logits, target = torch.cat(logits), torch.from_numpy(labels[chosen])
        loss = cross_entropy(all_logits, target).item()
        if not (torch.isfinite(all_logits).all() and math.isfinite(loss)):
            raise self._diverged()
        right = int((all_logits.argmax(1) == target).sum()) / len(target)
        return all_logits.numpy(), PassResult(loss, right, seconds)

    # -- checkpoint ----------------------------------------------------------------------------------------

    def arrays(self) -> Arrays:
        """Arrays by name: the weights of `network`, those of `tested` if it is another network, the optimiser's state,
        and the initial weights of every fold: another version of torch may draw others from the same seed."""
        found = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        found.update({f"first/{name}": value for name, value in self._first.items()})
        if self.tested is not self.network:
            found.update({f"tested/{name}": value for name, value in self.tested.state_dict().items()})
        for position, state in self.optimizer.state_dict()["state"].items():
            found.update({f"adam/{position}/{name}": value for name, value in state.items()})
        return {name: value.detach().cpu().numpy().copy() for name, value in found.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore the state that `arrays` gave."""
        if any(name.startswith("first/") for name in arrays):  # checkpoints of earlier versions have none
            load_network(self.network, arrays, "first")
            self._first = self._weights()
        load_network(self.network, arrays)
        if self.tested is not self.network:
            load_network(self.tested, arrays, "tested")
        self.optimizer = self._new_optimizer()
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in arrays.items():
            if name.startswith("adam/"):
                _, position, field = name.split("/")
                kept = torch.from_numpy(value)
                if kept.ndim:  # the fused step needs them in the memory layout of their parameter
                    kept = torch.empty_like(parameters[int(position)]).copy_(kept)
                state.setdefault(int(position), {})[field] = kept
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def load_network(network: nn.Module, arrays: Mapping[str, np.ndarray], which: str = "network") -> None:
    """Load weights from `Learner.arrays` into a network: those of the trained `network`, of the `tested` one, or the
    `first` ones."""
    prefix = f"{which}/"
    network.load_state_dict(
        {name.removeprefix(prefix): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(prefix)}
    )
