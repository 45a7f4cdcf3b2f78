"""Selection of features by mRMR, and the search for a perceptron's weights."""

import warnings

import numpy as np
import pytest
import torch
from pulling import gather
from torch.nn.functional import cross_entropy

from busapp.engine.classifiers.selection import f_statistic, select_features
from busapp.engine.classifiers.tuning import BOX, Best, Problem, at_random, tune, with_cats


def some_features(n: int = 90, d: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d), of which every fourth depends on the class, and the classes (n,)."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, n)
    features = rng.normal(size=(n, d))
    features[:, ::4] += labels[:, None] * rng.uniform(0, 1, len(range(0, d, 4)))
    features[:, 1] = features[:, 0] + 0.1 * rng.normal(size=n)
    return features, labels


def test_the_features_are_those_of_mrmr_selection() -> None:
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():  # it hides all warnings when it is imported
        mrmr = pytest.importorskip("mrmr")
    features, labels = some_features()
    theirs = mrmr.mrmr_classif(pandas.DataFrame(features), pandas.Series(labels), K=25, n_jobs=1, show_progress=False)
    _, ours = gather(select_features(features, labels, 25))
    assert ours.tolist() == [int(place) for place in theirs]


def test_relevance_is_the_f_statistic() -> None:
    from sklearn.feature_selection import f_classif

    features, labels = some_features()
    assert f_statistic(features, labels) == pytest.approx(f_classif(features, labels)[0])


def test_copies_and_constant_features_come_last() -> None:
    features, labels = some_features(d=6)
    features[:, 5], features[:, 3] = 7.0, 2 * features[:, 0] - 1
    steps, chosen = gather(select_features(features, labels, 6))
    assert steps == [1, 2, 3, 4, 5, 6] and sorted(chosen.tolist()) == list(range(6))
    assert chosen[-1] == 5, "the constant one"
    assert not {0, 3} <= set(chosen[:2].tolist()), "a copy says nothing new"


def some_problem() -> Problem:
    features, labels = some_features(d=5)
    wanted = torch.from_numpy(labels)
    return Problem(torch.from_numpy(features).float(), 3, lambda logits: cross_entropy(logits, wanted))


@pytest.mark.parametrize("tuner", ["cats", "adam", "random"])
def test_a_tuner_is_repeatable_and_better_than_its_first_try(tuner: str) -> None:
    problem = some_problem()
    found = [gather(tune(tuner, problem, 300, seed, rate=0.01, decay=0.0))[1] for seed in (1, 1, 2)]
    losses = [float(problem.value(weights)) for weights in found]
    assert losses[0] == losses[1] != losses[2]
    first = Best(problem).evaluate(np.random.default_rng(1).uniform(-BOX, BOX, problem.dimension))
    assert losses[0] < first
    assert all(found[0][name].shape == shape for name, shape in problem.shapes.items())


@pytest.mark.parametrize("search", [with_cats, at_random])
def test_a_search_returns_its_best_evaluation_and_keeps_its_budget(
    search: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    original = Best.evaluate

    def counted(self: Best, position: np.ndarray) -> float:
        assert np.abs(position).max() <= BOX
        seen.append(original(self, position))
        return seen[-1]

    monkeypatch.setattr(Best, "evaluate", counted)
    problem = some_problem()
    _, weights = gather(search(problem, 123, 7))  # type: ignore[operator]
    assert len(seen) == 123
    assert float(problem.value(weights)) == pytest.approx(min(seen), abs=1e-6)


def test_niapy_leaves_the_programs_log_alone() -> None:
    import logging

    before = logging.getLogger().handlers[:]
    gather(with_cats(some_problem(), 31, 0))
    assert logging.getLogger().handlers == before
