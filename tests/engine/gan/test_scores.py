"""Scores against their definitions, and on distributions with known answers."""

from typing import Any

import numpy as np
import pytest
from pulling import gather
from scipy.linalg import sqrtm

from busapp.engine.gan.scores import (
    NAMES,
    Features,
    Scores,
    _halves,
    as_result,
    fid,
    judge,
    kid,
    precision,
    recall,
    subset_size,
)


def sample(count: int, shift: float = 0.0, seed: int = 0, width: int = 16) -> Features:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, width)).astype(np.float32)


def judged(real: Features, drawn: Features, groups: Any = None, seed: int = 0) -> Scores:
    steps = judge(real, drawn, range(len(real)) if groups is None else groups, seed=seed)
    done, scores = gather(steps)
    assert done == list(range(1, 101))
    return scores


def test_kid_is_the_unbiased_estimate_written_as_sums() -> None:
    x, y = sample(4), sample(4, 0.5, seed=1)

    def k(a: Features, b: Features) -> float:
        return float((a.astype(float) @ b.astype(float) / 16 + 1) ** 3)

    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    expected = (
        sum(k(x[i], x[j]) for i, j in pairs) / 12
        + sum(k(y[i], y[j]) for i, j in pairs) / 12
        - 2 * sum(k(x[i], y[j]) for i in range(4) for j in range(4)) / 16
    )
    assert kid(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("count", [12, 200])
def test_fid_is_the_distance_of_two_normal_distributions(count: int) -> None:
    """With fewer images than features, and with more."""
    x, y = sample(count, width=24), 1.5 * sample(count, 0.3, seed=1, width=24)
    means = x.mean(axis=0) - y.mean(axis=0)
    one, other = np.cov(x.T.astype(float)), np.cov(y.T.astype(float))
    root = sqrtm(one @ other + 1e-9 * np.eye(24)) if count < 24 else sqrtm(one @ other)
    expected = means @ means + np.trace(one + other - 2 * np.real(root))
    assert fid(x, y) == pytest.approx(expected, rel=1e-3 if count < 24 else 1e-6)
    assert fid(x, x) == pytest.approx(0, abs=1e-4)


def test_precision_and_recall_are_counted_neighbour_by_neighbour() -> None:
    real, drawn = sample(30, width=3), sample(30, 0.7, seed=1, width=3)

    def share_inside(points: Features, balls: Features) -> float:
        inside = 0
        for point in points:
            for k, centre in enumerate(balls):
                others = sorted(float(np.linalg.norm(centre - other)) for i, other in enumerate(balls) if i != k)
                if np.linalg.norm(point - centre) <= others[2]:
                    inside += 1
                    break
        return inside / len(points)

    assert precision(real, drawn) == pytest.approx(share_inside(drawn, real))
    assert recall(real, drawn) == pytest.approx(share_inside(real, drawn))
    assert 0 < precision(real, drawn) < 1


def test_alike_is_near_the_floor_and_different_is_far_from_it() -> None:
    real = sample(200)
    alike, different = judged(real, sample(160, seed=1)), judged(real, sample(160, 1.0, seed=1))
    assert alike.n_scored == different.n_scored == 100
    assert abs(alike.kid_floor.mean) < 0.05 and abs(alike.kid.mean) < 0.15
    assert different.kid.mean > 20 * abs(alike.kid.mean)
    assert alike.fid.mean == pytest.approx(alike.fid_floor.mean, rel=0.25)
    assert different.fid.mean > 3 * different.fid_floor.mean
    for name in ("precision", "recall"):
        floor = getattr(alike, f"{name}_floor").mean
        assert getattr(alike, name).mean == pytest.approx(floor, abs=0.15)
        assert getattr(different, name).mean < floor - 0.2
    assert all(getattr(alike, name).spread > 0 for name in NAMES)


def test_collapsed_images_have_no_recall_and_noise_no_precision() -> None:
    real = sample(100)
    collapsed = judged(real, real[:1] + 0.01 * sample(100, seed=1))
    assert collapsed.precision.mean > 0.8 and collapsed.recall.mean < 0.05 < collapsed.recall_floor.mean
    noise = judged(real, 30 * sample(100, seed=2))
    assert noise.precision.mean == 0 < noise.precision_floor.mean


def test_fid_falls_with_more_images_so_that_the_floor_has_as_many() -> None:
    few, many = judged(sample(40), sample(40, seed=1)), judged(sample(400), sample(400, seed=1))
    assert few.fid.mean > 2 * many.fid.mean, "of one distribution, both"
    assert few.fid_floor.mean == pytest.approx(few.fid.mean, rel=0.3)


def test_score_grows_with_the_difference() -> None:
    scores = [judged(sample(100), sample(100, shift, seed=1)) for shift in (0.0, 0.3, 0.6, 1.2)]
    for name in ("kid", "fid"):
        means = [getattr(each, name).mean for each in scores]
        assert means == sorted(means)


def test_halves_have_one_image_of_each_group_at_most_and_any_of_it() -> None:
    random = np.random.default_rng(0)
    for groups in (random.integers(0, 12, 40), np.repeat(np.arange(20), 2), np.array([5] * 9 + list(range(6, 17)))):
        size, taken = subset_size(100, groups.tolist()), [0, 0]
        for _ in range(400):
            one, other = _halves(groups, size, random)
            both = np.concatenate([one, other])
            assert len(one) == len(other) == size == len(set(groups)) // 2
            assert len(set(groups[both])) == 2 * size
            largest = np.bincount(groups).argmax()
            taken = [taken[0] + int(largest in groups[one]), taken[1] + int(largest in groups[other])]
        assert 150 < taken[0] < 250 and 150 < taken[1] < 250, "on either side as often"
    assert set(np.concatenate([_halves(groups, size, random)[0] for _ in range(100)])) == set(range(20))
    assert subset_size(100, [1] * 30 + list(range(2, 12))) == 5
    assert subset_size(4, range(30)) == 4
    assert subset_size(100, [1] * 30) == 0


def with_duplicates(pairs: int, largest: int, seed: int) -> tuple[Features, list[int]]:
    """70 single images, this number of pairs of near-duplicates, and one large group; with their groups."""
    one = sample(71 + pairs, seed=seed)
    again = np.concatenate([one[:pairs], np.repeat(one[-1:], largest - 1, axis=0)])
    groups = [*range(len(one)), *range(pairs), *[len(one) - 1] * (largest - 1)]
    return np.concatenate([one, again + 0.001 * sample(len(again), seed=seed + 1000)]), groups


def test_kid_of_honest_images_is_about_0_as_its_floor_is_whatever_is_there_twice() -> None:
    """Both from one distribution, with 30 pairs and a group of 8."""
    drawn, floor = [], []
    for seed in range(12):
        real, groups = with_duplicates(30, 8, seed)
        scores = judged(real, sample(130, seed=seed + 5000), groups, seed=seed)
        assert scores.n_scored == 50
        drawn.append(scores.kid.mean)
        floor.append(scores.kid_floor.mean)
    error = float(np.std(drawn)) / np.sqrt(len(drawn))
    assert abs(np.mean(floor)) < 0.01, "over all halves of the same images it is 0"
    assert abs(np.mean(drawn)) < 3 * error < 0.05
    assert abs(np.mean(drawn) - np.mean(floor)) < 3 * error


def test_near_duplicates_neither_raise_nor_lower_the_floors() -> None:
    one = sample(80)
    real, groups = np.concatenate([one, one[:40] + 0.001]), [*range(80), *range(40)]
    drawn = sample(80, seed=1)
    plain, known = judged(one, drawn), judged(real, drawn, groups)
    assert plain.n_scored == known.n_scored == 40
    for name in NAMES:
        assert getattr(known, name).mean == pytest.approx(getattr(plain, name).mean, rel=0.05, abs=0.02), name


def test_same_seed_gives_the_same_scores() -> None:
    real, drawn = sample(20), sample(9, 0.2, seed=1)
    assert judged(real, drawn, seed=3) == judged(real, drawn, seed=3)
    assert judged(real, drawn, seed=3) != judged(real, drawn, seed=4)


def test_too_few_images_have_no_score() -> None:
    with pytest.raises(ValueError, match="at least 4 images, not 3"):
        judged(sample(50), sample(3))
    with pytest.raises(ValueError, match="at least 4 images, not 3"):
        judged(sample(7), sample(50))
    scores = judged(sample(8), sample(4, seed=1))
    assert scores.n_scored == 4
    assert as_result(scores).keys() == as_result(None).keys()
    assert set(as_result(None).values()) == {None}
    assert as_result(scores)["fid_floor_spread"] == scores.fid_floor.spread
