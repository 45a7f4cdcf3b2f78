"""KID against its definition, and on distributions of which the answer is known."""

import numpy as np
import pytest

from busapp.engine.gan.scores import Features, _discrepancy, _kernel, kid, kid_floor


def sample(count: int, shift: float = 0.0, seed: int = 0) -> Features:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, 16)).astype(np.float32)


def test_discrepancy_is_the_unbiased_estimate_written_as_sums() -> None:
    x, y = sample(4), sample(4, 0.5, seed=1)

    def k(a: Features, b: Features) -> float:
        return float((a.astype(float) @ b.astype(float) / 16 + 1) ** 3)

    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    expected = (
        sum(k(x[i], x[j]) for i, j in pairs) / 12
        + sum(k(y[i], y[j]) for i, j in pairs) / 12
        - 2 * sum(k(x[i], y[j]) for i in range(4) for j in range(4)) / 16
    )
    assert _discrepancy(_kernel(x, x), _kernel(y, y), _kernel(x, y)) == pytest.approx(expected)


def test_alike_is_about_nothing_and_different_is_much_more() -> None:
    real = sample(200)
    floor = kid_floor(real)
    alike, different = kid(real, sample(150, seed=1)), kid(real, sample(150, 1.0, seed=1))
    assert abs(floor.mean) < 0.05
    assert abs(alike.mean) < 0.15
    assert different.mean > 20 * abs(alike.mean)
    assert floor.spread > 0


def test_score_grows_with_the_difference() -> None:
    means = [kid(sample(100), sample(100, shift, seed=1)).mean for shift in (0.0, 0.3, 0.6, 1.2)]
    assert means == sorted(means)


def test_same_seed_gives_the_same_score() -> None:
    real, drawn = sample(20), sample(9, 0.2, seed=1)
    assert kid(real, drawn, seed=3) == kid(real, drawn, seed=3)
    assert kid(real, drawn, seed=3) != kid(real, drawn, seed=4)


def test_too_few_images_have_no_score() -> None:
    with pytest.raises(ValueError, match="at least 4 images, not 3"):
        kid(sample(50), sample(3))
    with pytest.raises(ValueError, match="at least 4 images, not 3"):
        kid_floor(sample(3))
    kid_floor(sample(4))
