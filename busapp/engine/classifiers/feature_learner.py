"""Fits a head (`networks.layers.heads`) on the features of networks that keep their weights.

It has the methods of `training.Learner`, so that a cross-validation treats both alike. All images and their views go
through the networks once for all folds. In each fold features are selected, if the entry says so, then standardised,
and the head is fitted: on the training images of the fold alone, unless the leak `selection_sees_test` lets the
selection see all images.
"""

import hashlib
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from busapp.engine.classifiers.augmentation import MIRRORED, number_of_views
from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.feature_store import FeatureStore, make_feature_store
from busapp.engine.classifiers.selection import select_features
from busapp.engine.classifiers.training import PassResult, class_weights
from busapp.engine.classifiers.tuning import Problem, tune
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.layers.feature_network import FeatureNetwork
from busapp.engine.networks.layers.heads import Head
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.checkpoints import Arrays
from busapp.engine.utils.arrays import Indices
from busapp.engine.utils.devices import find_device
from busapp.engine.utils.prefetch import in_order
from busapp.errors import CannotResume, TrainingDiverged

Values = npt.NDArray[np.float64]
_SELECTING = 0.4
"""Share of a fold's progress that the selection takes."""
_BATCH = 256


class FeatureLearner:
    """Several networks, and the head that is fitted on their features."""

    def __init__(self, n_classes: int, settings: ValidateSettings) -> None:
        """Raises the errors of `building.build`."""
        method = NETWORKS[settings.network].features
        assert method is not None
        self.method, self.n_classes, self.settings = method, n_classes, settings
        self.recipe = settings.training
        self.device = find_device()
        network = build(n_classes, settings, settings.seed).to(self.device).eval()
        assert isinstance(network, FeatureNetwork)
        self.tested = network
        self.stages = 0
        self._seconds = 0.0

    @property
    def head(self) -> Head:
        """The part that is fitted."""
        found: Head = self.tested.classifier
        return found

    def freeze(self, stages: int) -> None:
        """Nothing: no stage is ever trained."""

    def begin_fold(self, *, carry_weights: bool, discriminator: Arrays | None = None) -> None:
        """Nothing: fitting a head forgets the one before, and no weights are carried over."""

    # -- input ---------------------------------------------------------------------------------------------

    def prepare(self, pixels: Pixels) -> Generator[int, None, FeatureStore]:
        """The store of the features of images uint8 (n, size, size, 3). Yields the number of images that are done."""
        began = time.perf_counter()
        store = yield from make_feature_store(pixels, number_of_views(self.recipe), self._features, self.device)
        self._seconds += time.perf_counter() - began
        return store

    def _features(self, pixels: Tensor) -> Tensor:
        """Features (n, channels, 1, 1) of pixels uint8 (n, size, size, 3)."""
        with torch.no_grad():
            last: Tensor = self.tested.features(self.tested.normalised(pixels.to(self.device)))
        return last.mean((2, 3), keepdim=True)

    def _taken(self, store: FeatureStore, images: Indices, view: int) -> Tensor:
        """Features float32 (n, channels) of one view of some images."""
        found = []
        for begin in range(0, len(images), _BATCH):
            batch = images[begin : begin + _BATCH]
            taken = store.take(batch, np.full(len(batch), view))
            found.append(self._features(taken).flatten(1) if taken.dtype == torch.uint8 else taken.flatten(1).float())
        return torch.cat(found)

    def _samples(self, store: FeatureStore, labels: Indices, images: Indices) -> tuple[Values, Indices]:
        """Features (n, channels) and labels (n,) of all views of some images that the recipe trains on."""
        views = range(store.views) if self.recipe.variants else range(1)
        features = torch.cat([self._taken(store, images, view) for view in views])
        return features.cpu().numpy().astype(np.float64), np.tile(labels[images], len(views))

    # -- the fit -------------------------------------------------------------------------------------------

    def train_one_epoch(
        self, store: FeatureStore, labels: Indices, chosen: Indices, fold: int, epoch: int
    ) -> Generator[int, None, PassResult]:
        """Select features and fit the head on the `chosen` images. Yields the number of images that this is as much
        work as. There is one epoch.

        `labels` (n,) are for the whole store. Everything random depends on seed and fold. Loss and accuracy are those
        of the fitted head on the images.

        Raises:
            TrainingDiverged: the loss is not a finite number.
        """
        began = time.perf_counter()
        features, targets = self._samples(store, labels, chosen)
        places = np.arange(features.shape[1])
        if self.method.selects:
            seen = self._samples(store, labels, np.arange(len(labels))) if self._selects_on_all else (features, targets)
            places = yield from self._selected(*seen, len(chosen))
        features = features[:, places]
        mean, spread = features.mean(axis=0), features.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        self.head.use(
            {
                "chosen": torch.from_numpy(places.astype(np.int64)),
                "mean": torch.from_numpy(mean.astype(np.float32)),
                "std": torch.from_numpy(spread.astype(np.float32)),
            }
        )
        standard = (features - mean) / spread
        begun = _SELECTING * self.method.selects
        fitting = self._fitted(standard, targets, fold)
        while True:
            try:
                share = next(fitting)
            except StopIteration as end:
                self.head.use(end.value)
                break
            yield round((begun + (1 - begun) * share) * len(chosen))
        _, result = self._tested_on(store, labels, chosen, (0,))
        yield len(chosen)
        folds = 1 if self.settings.system == "existing" else self.settings.folds
        return PassResult(result.loss, result.accuracy, time.perf_counter() - began + self._seconds / folds)

    @property
    def _selects_on_all(self) -> bool:
        return "selection_sees_test" in self.settings.open_leaks

    def _selected(self, features: Values, targets: Indices, total: int) -> Generator[int, None, Indices]:
        """The places of the selected features. Yields a share of `total`."""
        selecting = select_features(features, targets, self.settings.selected_features)
        while True:
            try:
                done = next(selecting)
            except StopIteration as end:
                places: Indices = end.value
                return places
            yield round(_SELECTING * total * done / self.settings.selected_features)

    def _fitted(self, features: Values, targets: Indices, fold: int) -> Generator[float, None, dict[str, Tensor]]:
        """Buffers of the head, fitted on standardised features (n, k). Yields the share that is done."""
        weights = class_weights(targets, self.n_classes, self.recipe.class_weighting)
        match self.method.head:
            case "svm":
                return (yield from _support_vectors(features, targets, weights))
            case "knn":
                return {
                    "known": torch.from_numpy(features.astype(np.float32)),
                    "classes": torch.from_numpy(targets.astype(np.int64)),
                    "weights": weights,
                    "count": torch.tensor(self.settings.neighbours),
                }
            case "perceptron":
                return (yield from self._perceptron(features, targets, weights, fold))

    def _perceptron(
        self, features: Values, targets: Indices, weights: Tensor, fold: int
    ) -> Generator[float, None, dict[str, Tensor]]:
        wanted = torch.from_numpy(targets.astype(np.int64))

        def loss(logits: Tensor) -> Tensor:
            each = cross_entropy(logits, wanted, reduction="none", label_smoothing=self.recipe.label_smoothing)
            return (each * weights[wanted]).mean()

        problem = Problem(torch.from_numpy(features.astype(np.float32)), self.n_classes, loss)
        (seed,) = np.random.SeedSequence((self.settings.seed, fold)).generate_state(1)
        count, recipe = self.settings.evaluations, self.recipe
        tuning = tune(
            self.method.tuner, problem, count, int(seed), rate=recipe.learning_rate, decay=recipe.weight_decay
        )
        while True:
            try:
                done = next(tuning)
            except StopIteration as end:
                found: dict[str, Tensor] = end.value
                return found
            yield min(1.0, done / count)

    def evaluate(
        self, store: FeatureStore, labels: Indices, chosen: Indices
    ) -> Generator[int, None, tuple[np.ndarray, PassResult]]:
        """Logits, float32 (len(chosen), classes), of the `chosen` images, with their loss and accuracy. If the recipe
        asks for it, logits are means over each image and its mirror image. Yields the number of images that are done.

        Raises:
            TrainingDiverged: a logit or the loss is not a finite number.
        """
        answers = self._tested_on(store, labels, chosen, (0, MIRRORED) if self.recipe.mirrored_test else (0,))
        yield len(chosen)
        return answers

    def _tested_on(
        self, store: FeatureStore, labels: Indices, chosen: Indices, views: tuple[int, ...]
    ) -> tuple[np.ndarray, PassResult]:
        began = time.perf_counter()
        with torch.no_grad():
            each = [self.head(self._taken(store, chosen, view)) for view in views]
        logits, target = torch.stack(each).mean(0).cpu(), torch.from_numpy(labels[chosen])
        loss = cross_entropy(logits, target).item()
        if not (torch.isfinite(logits).all() and math.isfinite(loss)):
            raise TrainingDiverged(
                "The answers of the network are no finite numbers",
                remedy="Check the weights file, or choose other networks for the features.",
            )
        right = int((logits.argmax(1) == target).sum()) / len(target)
        return logits.numpy(), PassResult(loss, right, time.perf_counter() - began)

    # -- checkpoint ----------------------------------------------------------------------------------------

    def arrays(self) -> Arrays:
        """Arrays by name: the fitted head, and a checksum of the networks' weights."""
        found = {f"head/{name}": value.cpu().numpy().copy() for name, value in self.head.state_dict().items()}
        return {**found, "members": self._checksum()}

    def _checksum(self) -> npt.NDArray[np.uint8]:
        digest = hashlib.sha256()
        for _, value in sorted(self.tested.features.state_dict().items()):
            digest.update(value.cpu().contiguous().numpy().tobytes())
        return np.frombuffer(digest.digest(), dtype=np.uint8).copy()

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Restore the state that `arrays` gave.

        Raises:
            CannotResume: the networks have other weights now.
        """
        if not np.array_equal(arrays["members"], self._checksum()):
            raise CannotResume(
                "The networks whose features the run takes have other weights than when it began",
                remedy="Restore the files with their ImageNet weights, or start a new run.",
            )
        start = "head/"
        state = {name.removeprefix(start): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(start)}
        self.head.load_state_dict(state)


def _support_vectors(features: Values, targets: Indices, weights: Tensor) -> Generator[float, None, dict[str, Tensor]]:
    """Buffers of `heads.SupportVectors`: an SVM for each class against the rest, with scikit-learn's defaults (C = 1;
    the width of the kernel by the number of features and their variance). Yields the share that is done."""
    from sklearn.svm import SVC

    gamma = 1 / (features.shape[1] * features.var()) if features.var() > 0 else 1.0
    each = weights.numpy().astype(np.float64)[targets]
    n_classes = len(weights)
    dual, bias = np.zeros((n_classes, len(features))), np.full(n_classes, -1.0)

    def fit(name: int) -> None:
        is_own = targets == name
        if not is_own.any():  # no image of this class in the fold
            return
        machine = SVC(kernel="rbf", C=1.0, gamma=gamma).fit(features, is_own, sample_weight=each)
        dual[name, machine.support_] = machine.dual_coef_[0]
        bias[name] = machine.intercept_[0]

    yield from _in_thread(fit, n_classes)
    used = np.flatnonzero((dual != 0).any(axis=0))
    used = used if len(used) else np.zeros(1, dtype=np.intp)
    return {
        "vectors": torch.from_numpy(features[used].astype(np.float32)),
        "dual": torch.from_numpy(dual[:, used].astype(np.float32)),
        "bias": torch.from_numpy(bias.astype(np.float32)),
        "gamma": torch.tensor(gamma, dtype=torch.float32),
    }


def _in_thread(work: Callable[[int], None], count: int) -> Generator[float, None, None]:
    """Do `work` for each number, so that the job stays responsive. Yields the share that is done."""
    done = 0
    with closing(in_order(work, range(count), "fit", threads=1)) as steps:
        for step in steps:
            if step is not None:
                step[1].result()
                done += 1
            yield done / count
