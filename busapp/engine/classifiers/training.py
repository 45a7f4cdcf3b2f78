"""How a classifier is trained: one loop, Adam, cross-entropy.

The paper names neither optimiser nor loss; Adam and cross-entropy are assumed. Training steps through
generators that yield how many images they have done, so that a job can be paused or cancelled at every step.
"""

import math
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from busapp.engine.checkpoints import Arrays
from busapp.engine.classifiers.mobilenet import build, divide, frozen_stages
from busapp.engine.classifiers.torch_setup import find_device
from busapp.engine.preprocessing import MEAN, STD, Pixels
from busapp.engine.settings import ValidateSettings
from busapp.engine.splits import Indices
from busapp.errors import TrainingDiverged

MAX_CACHED = 500_000
"""Bytes an image's stem activations may take to be kept; where few stages are frozen they take more, and are computed
anew for every batch. With 7 stages at 224×224 they take 100 kB."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one pass over images gave: the mean cross-entropy, the share of right answers in [0, 1], and the
    seconds of work, without the time for which the job was paused."""

    loss: float
    accuracy: float
    seconds: float


def normalised(pixels: Tensor) -> Tensor:
    """`preprocessing.normalise` in torch: float32 (n, 3, h, w) in channels_last memory from uint8 (n, h, w, 3)."""
    mean, std = (torch.from_numpy(values).to(pixels.device) for values in (MEAN, STD))
    return ((pixels.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)


def batches(order: Indices, size: int) -> Iterator[Indices]:
    """Cut into batches of `size`; a last batch of one image joins the one before, since batch normalisation has
    no variance to divide by when a single image ends in a 1×1 map."""
    ends = list(range(size, len(order), size))
    if ends and len(order) - ends[-1] == 1:
        ends.pop()
    for begin, end in pairwise([0, *ends, len(order)]):
        yield order[begin:end]


class Learner:
    """A network that is being trained: a frozen stem, a trainable rest, and Adam for the rest.

    Images are given as a store, made by `prepare` from pixels: what the stem makes of them, computed once since it
    never changes, or the pixels themselves.
    """

    def __init__(self, n_classes: int, settings: ValidateSettings) -> None:
        """Raises what `mobilenet.build` raises."""
        self.settings = settings
        self.device = find_device()
        self.network = build(n_classes, settings, settings.seed).to(self.device)
        self.freeze(frozen_stages(settings, self.device))
        self._first = {name: value.clone() for name, value in self.network.state_dict().items()}

    def freeze(self, stages: int) -> None:
        """Freeze so many of the first stages, with a new Adam for the rest."""
        self.stages = stages
        self.network.requires_grad_(True)
        self.stem, self.rest = divide(self.network, stages)
        self.optimizer = self._adam()

    def _adam(self) -> torch.optim.Adam:
        return torch.optim.Adam(self.rest.parameters(), lr=self.settings.training.learning_rate)

    def begin_fold(self, *, carry_weights: bool) -> None:
        """Go back to the first weights, or go on with those of the fold before. Adam begins anew in both: Figure 13
        shows that the paper carried weights over, and nothing says that it carried the optimiser."""
        if not carry_weights:
            self.network.load_state_dict(self._first)
        self.optimizer = self._adam()

    # -- what it is fed ------------------------------------------------------------------------------------

    def prepare(self, pixels: Pixels) -> Generator[int, None, Tensor]:
        """A store (n, …) of images in uint8 (n, size, size, 3); yields how many are done."""
        images = torch.from_numpy(pixels)
        if not self.stages or not len(images):
            return images
        store: Tensor | None = None
        for begin in range(0, len(images), 16):
            activations = self._fed(images[begin : begin + 16]).permute(0, 2, 3, 1).cpu()
            if store is None:
                if activations[0].nbytes > MAX_CACHED:
                    return images
                store = torch.empty((len(images), *activations.shape[1:]))
            store[begin : begin + 16] = activations
            yield min(begin + 16, len(images))
        assert store is not None
        return store

    def join(self, store: Tensor, other: Tensor) -> Tensor:
        """Both stores as one, the images of `other` behind."""
        return torch.cat([store, other])

    def _fed(self, taken: Tensor) -> Tensor:
        """What the rest is fed, (n, channels, h, w) in channels_last memory, from a part of a store."""
        taken = taken.to(self.device)
        if taken.dtype != torch.uint8:
            return taken.permute(0, 3, 1, 2)
        with torch.no_grad():
            fed: Tensor = self.stem(normalised(taken))
        return fed

    # -- the loop ------------------------------------------------------------------------------------------

    def train_one_epoch(
        self, store: Tensor, labels: Indices, chosen: Indices, seeds: Sequence[int]
    ) -> Generator[int, None, Score]:
        """One pass in random order over the `chosen` images; yields how many are done.

        `labels` (n,) are for the whole store. Everything random in the epoch, the order and what dropout drops,
        comes from `seeds`: a resumed run needs the numbers of its seed, fold and epoch, and no state of a generator.
        The score is the running one: each image as the network answered when it was trained on it.

        Raises:
            TrainingDiverged: the loss is not a finite number.
        """
        order_seed, dropout_seed = np.random.SeedSequence(seeds).generate_state(2)
        order = np.random.default_rng(order_seed).permutation(chosen)
        torch.manual_seed(int(dropout_seed))
        targets = torch.from_numpy(labels).to(self.device)
        self.rest.train()
        done, loss_sum, right, seconds = 0, 0.0, 0, 0.0
        for batch in batches(order, self.settings.batch_size):
            began = time.perf_counter()
            target = targets[batch]
            logits = self.rest(self._fed(store[batch]))
            loss = cross_entropy(logits, target)
            if not math.isfinite(loss.item()):
                raise self._diverged()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            done += len(batch)
            loss_sum += loss.item() * len(batch)
            right += int((logits.argmax(1) == target).sum())
            seconds += time.perf_counter() - began
            yield done
        return Score(loss_sum / done, right / done, seconds)

    def _diverged(self) -> TrainingDiverged:
        return TrainingDiverged(
            "The loss is no longer a finite number",
            remedy=f"Choose a learning rate below {self.settings.training.learning_rate:g} and start anew; the folds "
            "that were finished are kept in predictions.csv.",
        )

    def evaluate(
        self, store: Tensor, labels: Indices, chosen: Indices
    ) -> Generator[int, None, tuple[np.ndarray, Score]]:
        """Logits, float32 (len(chosen), classes), of the `chosen` images, and their score; yields how many are done.

        Raises:
            TrainingDiverged: a logit is not a finite number.
        """
        self.rest.eval()
        logits, done, seconds = [], 0, 0.0
        for begin in range(0, len(chosen), 32):
            began = time.perf_counter()
            batch = chosen[begin : begin + 32]
            with torch.no_grad():
                logits.append(self.rest(self._fed(store[batch])).cpu())
            done += len(batch)
            seconds += time.perf_counter() - began
            yield done
        all_logits, target = torch.cat(logits), torch.from_numpy(labels[chosen])
        if not torch.isfinite(all_logits).all():
            raise self._diverged()
        right = int((all_logits.argmax(1) == target).sum()) / len(target)
        return all_logits.numpy(), Score(cross_entropy(all_logits, target).item(), right, seconds)

    # -- what a checkpoint keeps ---------------------------------------------------------------------------

    def arrays(self) -> Arrays:
        """The weights of the whole network and Adam's state, by name."""
        found = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        for position, state in self.optimizer.state_dict()["state"].items():
            found.update({f"adam/{position}/{name}": value for name, value in state.items()})
        return {name: value.detach().cpu().numpy().copy() for name, value in found.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on with what `arrays` gave."""
        load_network(self.network, arrays)
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in arrays.items():
            if name.startswith("adam/"):
                _, position, field = name.split("/")
                state.setdefault(int(position), {})[field] = torch.from_numpy(value)
        self.optimizer = self._adam()
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def load_network(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Put the weights that `Learner.arrays` gave into a network."""
    prefix = "network/"
    network.load_state_dict(
        {name.removeprefix(prefix): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(prefix)}
    )
