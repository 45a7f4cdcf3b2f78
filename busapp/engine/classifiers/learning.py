"""What can be trained on the folds of a cross-validation, and which of it the settings ask for."""

from collections.abc import Generator, Mapping
from typing import Protocol

import numpy as np
import torch

from busapp.engine.classifiers.feature_learner import FeatureLearner
from busapp.engine.classifiers.feature_store import FeatureStore
from busapp.engine.classifiers.training import Learner, PassResult
from busapp.engine.images.preprocessing import Pixels
from busapp.engine.networks.layers.staged import Staged
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.recipes import Recipe
from busapp.engine.study.checkpoints import Arrays
from busapp.engine.utils.arrays import Indices


class AnyLearner(Protocol):
    """A network in training by gradients (`training.Learner`), or a head that is fitted on the features of networks
    (`feature_learner.FeatureLearner`). Both say more about each method."""

    settings: ValidateSettings
    recipe: Recipe
    device: torch.device
    stages: int

    @property
    def tested(self) -> Staged: ...

    def freeze(self, stages: int) -> None: ...
    def begin_fold(self, *, carry_weights: bool, discriminator: Arrays | None = None) -> None: ...
    def prepare(self, pixels: Pixels) -> Generator[int, None, FeatureStore]: ...
    def train_one_epoch(
        self, store: FeatureStore, labels: Indices, chosen: Indices, fold: int, epoch: int
    ) -> Generator[int, None, PassResult]: ...
    def evaluate(
        self, store: FeatureStore, labels: Indices, chosen: Indices
    ) -> Generator[int, None, tuple[np.ndarray, PassResult]]: ...
    def arrays(self) -> Arrays: ...
    def restore(self, arrays: Mapping[str, np.ndarray]) -> None: ...


def learner_for(n_classes: int, settings: ValidateSettings) -> AnyLearner:
    """The learner of the network that the settings name. Raises the errors of `building.build`."""
    if NETWORKS[settings.network].features is None:
        return Learner(n_classes, settings)
    return FeatureLearner(n_classes, settings)
