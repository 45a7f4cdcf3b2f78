"""The folds of scikit-learn 1.7: with the same seed and data, 1.8 puts other images into them."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import sklearn.model_selection
from sklearn.utils import check_random_state


class StratifiedGroupKFold(sklearn.model_selection.StratifiedGroupKFold):
    """The class as it was in scikit-learn 1.7.2: it shuffles the counts of the groups, but not the groups that they
    belong to."""

    def _iter_test_indices(self, X: Any, y: Any, groups: Any) -> Iterator[list[int]]:  # noqa: N803 (scikit-learn's names)
        rng = check_random_state(self.random_state)
        _, y_inv, y_cnt = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
        _, groups_inv, groups_cnt = np.unique(groups, return_inverse=True, return_counts=True)
        y_counts_per_group = np.zeros((len(groups_cnt), len(y_cnt)))
        for class_idx, group_idx in zip(y_inv, groups_inv, strict=True):
            y_counts_per_group[group_idx, class_idx] += 1
        y_counts_per_fold = np.zeros((self.n_splits, len(y_cnt)))
        groups_per_fold = defaultdict(set)
        if self.shuffle:
            rng.shuffle(y_counts_per_group)
        for group_idx in np.argsort(-np.std(y_counts_per_group, axis=1), kind="mergesort"):
            counts = y_counts_per_group[group_idx]
            best = self._find_best_fold(y_counts_per_fold=y_counts_per_fold, y_cnt=y_cnt, group_y_counts=counts)
            y_counts_per_fold[best] += counts
            groups_per_fold[best].add(group_idx)
        for number in range(self.n_splits):
            yield [idx for idx, group_idx in enumerate(groups_inv) if group_idx in groups_per_fold[number]]
