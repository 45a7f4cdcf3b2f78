"""What classifies the features of several networks: an SVM, the nearest neighbours or a small perceptron.

They are fitted outside of torch (`classifiers.feature_learner`) and compute in torch, so that they can be a part of a
model file. Class activation maps of these heads are gradient-weighted (Selvaraju et al. 2017, "Grad-CAM", equation 1,
without the ReLU): each channel of the map counts by the gradient of the logit with respect to the channel's mean. The
gradients are written down here, since a model file cannot differentiate.
"""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

HIDDEN: Final = 10
"""Units in the hidden layer of the perceptron."""


class Head(nn.Module):
    """Base of the heads: some of the features, standardised.

    Buffers: `chosen` int64 (k,) are the features that count, `mean` and `std` float32 (k,) their mean and deviation in
    the training. Their sizes, and those of all other buffers, may differ from fit to fit.
    """

    chosen: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.n_classes = n_classes
        self.use({"chosen": torch.zeros(1, dtype=torch.int64), "mean": torch.zeros(1), "std": torch.ones(1)})

    def use(self, buffers: Mapping[str, Tensor]) -> None:
        """Replace buffers by others, which may have other sizes."""
        for name, value in buffers.items():
            before = self._buffers.get(name)
            self.register_buffer(name, value if before is None else value.to(before.device))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        own = {name: prefix + name for name in self._buffers if prefix + name in state_dict}
        self.use({name: torch.empty_like(state_dict[key]) for name, key in own.items()})
        super()._load_from_state_dict(state_dict, prefix, *others)

    def standardised(self, pooled: Tensor) -> Tensor:
        """The chosen features (n, k) of features (n, channels), in deviations from their mean."""
        return (pooled.index_select(1, self.chosen) - self.mean) / self.std

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits (n, classes) of features (n, channels)."""
        return self.logits(self.standardised(pooled))

    def class_maps(self, last: Tensor, pooled: Tensor) -> Tensor:
        """Class activation maps (n, classes, h, w) of the feature map (n, channels, h, w) and its mean."""
        gradient = self.gradient(self.standardised(pooled)) / self.std
        maps = last.index_select(1, self.chosen)
        return (gradient @ maps.flatten(2)).reshape(-1, self.n_classes, *last.shape[2:])

    def logits(self, features: Tensor) -> Tensor:
        """Logits (n, classes) of standardised features (n, k)."""
        raise NotImplementedError

    def gradient(self, features: Tensor) -> Tensor:
        """Gradient (n, classes, k) of the logits."""
        raise NotImplementedError


class SupportVectors(Head):
    """One SVM with a radial kernel for each class against the rest. A logit is the signed distance from the margin.

    Buffers: `vectors` (m, k) are all support vectors, `dual` (classes, m) their coefficients, `bias` (classes,), and
    `gamma` () the width of the kernel exp(-gamma · distance²).
    """

    vectors: Tensor
    dual: Tensor
    bias: Tensor
    gamma: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes)
        dual, bias = torch.zeros(n_classes, 1), torch.zeros(n_classes)
        self.use({"vectors": torch.zeros(1, 1), "dual": dual, "bias": bias, "gamma": torch.tensor(1.0)})

    def _kernel(self, features: Tensor) -> Tensor:
        return torch.exp(-self.gamma * squared_distances(features, self.vectors))

    def logits(self, features: Tensor) -> Tensor:
        return self._kernel(features) @ self.dual.T + self.bias

    def gradient(self, features: Tensor) -> Tensor:
        weights = self._kernel(features)[:, None, :] * self.dual
        return 2 * self.gamma * (weights @ self.vectors - weights.sum(2, keepdim=True) * features[:, None, :])


class Neighbours(Head):
    """The nearest training images. A logit is the logarithm of the share of a class among them, where each class has
    one vote more than it won, so that no share is 0. Two classes with as many votes: the first one wins.

    Buffers: `known` (m, k), their `classes` int64 (m,), the `weights` of the votes of each class (classes,), and the
    number of neighbours `count` int64 ().
    """

    known: Tensor
    classes: Tensor
    weights: Tensor
    count: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes)
        first, weights = torch.zeros(1, dtype=torch.int64), torch.ones(n_classes)
        self.use({"known": torch.zeros(1, 1), "classes": first, "weights": weights, "count": torch.tensor(1)})

    def logits(self, features: Tensor) -> Tensor:
        nearest = squared_distances(features, self.known).topk(int(self.count), dim=1, largest=False).indices
        votes = one_hot(self.classes[nearest], self.n_classes).sum(1) * self.weights + 1
        return torch.log(votes / votes.sum(1, keepdim=True))

    def gradient(self, features: Tensor) -> Tensor:
        """Zero: a vote does not change with a small change of the features."""
        return features.new_zeros(features.shape[0], self.n_classes, features.shape[1])


class Perceptron(Head):
    """One hidden layer of `HIDDEN` units with tanh.

    Buffers: `inner` (hidden, k) and `inner_bias` (hidden,), `outer` (classes, hidden) and `outer_bias` (classes,).
    """

    inner: Tensor
    inner_bias: Tensor
    outer: Tensor
    outer_bias: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes)
        self.use({name: torch.zeros(shape) for name, shape in self.shapes(1, n_classes).items()})

    @staticmethod
    def shapes(n_features: int, n_classes: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights, by buffer."""
        return {
            "inner": (HIDDEN, n_features),
            "inner_bias": (HIDDEN,),
            "outer": (n_classes, HIDDEN),
            "outer_bias": (n_classes,),
        }

    def logits(self, features: Tensor) -> Tensor:
        return perceive(features, self.inner, self.inner_bias, self.outer, self.outer_bias)

    def gradient(self, features: Tensor) -> Tensor:
        hidden = torch.tanh(features @ self.inner.T + self.inner_bias)
        return (self.outer * (1 - hidden**2)[:, None, :]) @ self.inner


def perceive(features: Tensor, inner: Tensor, inner_bias: Tensor, outer: Tensor, outer_bias: Tensor) -> Tensor:
    """Logits (n, classes) of a perceptron with these weights."""
    return torch.tanh(features @ inner.T + inner_bias) @ outer.T + outer_bias


def squared_distances(features: Tensor, others: Tensor) -> Tensor:
    """Squared Euclidean distances (n, m) between (n, k) and (m, k)."""
    both = (features**2).sum(1, keepdim=True) + (others**2).sum(1)
    return (both - 2 * features @ others.T).clamp(min=0)


HEADS: Final = {"svm": SupportVectors, "knn": Neighbours, "perceptron": Perceptron}
"""By `FeatureMethod.head`."""
