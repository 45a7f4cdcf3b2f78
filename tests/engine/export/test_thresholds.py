"""Thresholds of a model from out-of-fold predictions: when it abstains, and whether its heat maps match the masks."""

import numpy as np
import pytest

from busapp.engine.classifiers.novelty import Familiar, distances, usual_distance
from busapp.engine.export.description import heat_maps_of
from busapp.engine.export.thresholds import COVERAGE, OutOfFoldPredictions, out_of_fold, thresholds
from busapp.engine.images.heat_map import MAP_SHIFT, to_heat_map
from busapp.engine.metrics import softmax
from busapp.engine.models.abstention import Conformal, reasons_to_abstain
from busapp.engine.models.heat_map_truth import heat_map_truth
from busapp.engine.settings import ValidateSettings

CLASSES = ("benign", "malignant", "normal")


def made_up(n: int, seed: int = 0, *, novelty: bool = True) -> OutOfFoldPredictions:
    """Random predictions of three classes that favour the true one; five folds."""
    rng = np.random.default_rng(seed)
    true = rng.choice(3, size=n, p=(0.6, 0.25, 0.15))
    logits = rng.normal(size=(n, 3)) * 1.5
    logits[np.arange(n), true] += 2.0
    unlike = rng.gamma(20, 0.05, size=n).astype(np.float32) if novelty else None
    return OutOfFoldPredictions(CLASSES, logits, true.astype(np.intp), rng.integers(5, size=n), unlike)


def test_conformal_sets_hold_the_true_class_as_often_as_promised_in_every_class() -> None:
    found, fresh = thresholds(made_up(2000)), made_up(4000, seed=1)
    probabilities = softmax(fresh.logits / found.temperature)
    sets = [found.conformal.possible(dict(zip(CLASSES, p.tolist(), strict=True))) for p in probabilities]
    for index, name in enumerate(CLASSES):
        covered = [name in possible for possible, true in zip(sets, fresh.true, strict=True) if true == index]
        # The most probable class is always in the set, so that more than promised may be covered.
        assert COVERAGE - 0.03 < np.mean(covered) < COVERAGE + 0.06
    assert 0.05 < np.mean([len(possible) > 1 for possible in sets]) < 0.7


def test_too_few_images_rule_no_class_out() -> None:
    few = made_up(40)
    found = thresholds(few).conformal
    assert (few.true == 2).sum() < 9 and found.least_probability["normal"] == 0
    assert found.possible({"benign": 0.99, "malignant": 0.01, "normal": 0.0}) == ("benign", "normal")


@pytest.mark.parametrize("n", range(5, 130))
def test_the_threshold_leaves_out_the_exact_tenth(n: int) -> None:
    """(1 - 0.9) · 10 is 0.9999999999999998 in floats: one image too few would be left out."""
    rising = np.linspace(-2, 2, n)
    logits, true = np.stack([rising, -rising], axis=1), np.zeros(n, np.intp)
    given = OutOfFoldPredictions(("a", "b"), logits, true, np.arange(n), None)
    found = thresholds(given)
    probabilities = np.sort(softmax(given.logits / found.temperature)[:, 0])
    missed = (n + 1) // 10
    assert found.conformal.least_probability["a"] == (probabilities[missed - 1] if missed else 0)


def test_the_most_probable_class_is_always_possible() -> None:
    strict = Conformal(coverage=0.9, least_probability=dict.fromkeys(CLASSES, 0.9))
    assert strict.possible({"benign": 0.4, "malignant": 0.35, "normal": 0.25}) == ("benign",)


def test_a_fold_is_judged_with_the_thresholds_of_the_others() -> None:
    usual = made_up(1000)
    shifted = usual.folds == 4
    assert usual.novelty is not None
    usual.novelty[shifted] *= 3  # the images of one fold are of another kind
    found = out_of_fold(usual, None)
    assert found.n == 1000 and found.n_answered + found.n_undecided + found.n_novel == 1000
    assert found.n_novel > 0.9 * shifted.sum()  # its own limit would let nearly all of them pass
    assert thresholds(usual.part(shifted)).novelty.limit > 2 * thresholds(usual.part(~shifted)).novelty.limit  # type: ignore[union-attr]
    assert found.accuracy_of_answers > (usual.logits.argmax(axis=1) == usual.true).mean()  # type: ignore[operator]
    assert "were answered" in found.sentences()[0]


def test_a_run_that_kept_no_evidence_gives_no_limit_of_novelty() -> None:
    assert thresholds(made_up(100, novelty=False)).novelty is None
    assert out_of_fold(made_up(100, novelty=False), None).n_novel == 0


def test_distances_are_told_in_the_usual_one_between_images_of_other_groups() -> None:
    rng = np.random.default_rng(0)
    known = np.abs(rng.normal(size=(60, 16))).astype(np.float32) + 1
    known[30:] = known[:30] + 0.001  # near-duplicates
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    apart = usual_distance(known, np.tile(np.arange(30), 2))
    assert usual_distance(known, np.arange(60)) < 0.3 * apart
    assert distances(known, known).diagonal() == pytest.approx(np.zeros(60), abs=2e-3)
    assert usual_distance(known, np.zeros(60, dtype=np.int64)) == 1  # one group: nothing to compare with


def test_novelty_is_about_one_for_what_is_familiar_however_the_channels_are_scaled() -> None:
    rng = np.random.default_rng(0)
    scales = rng.uniform(0.01, 100, size=24)
    factors = rng.normal(size=(4, 24))

    def textures(values: np.ndarray) -> np.ndarray:
        found = ((values + 0.2 * rng.normal(size=values.shape)) * scales + 5).astype(np.float32)
        found[:, 3] = 0.0  # a dead channel
        return found

    texture, fresh = (textures(rng.normal(size=(400, 4)) @ factors) for _ in range(2))
    # Each channel by itself is as usual, and all together they are not.
    other = textures(rng.permuted(rng.normal(size=(400, 4)) @ factors, axis=0))
    familiar = Familiar.of(texture)
    assert 0.5 < np.median(familiar.novelty(texture)) <= np.median(familiar.novelty(fresh)) + 0.05 < 1.2
    assert np.quantile(familiar.novelty(other), 0.05) > np.quantile(familiar.novelty(fresh), 0.97)
    few = Familiar.of(texture[:6])  # fewer images than channels
    assert np.isfinite(few.novelty(fresh)).all()


def test_there_is_one_reason_to_keep_silent_and_the_gravest_is_told() -> None:
    several = ("benign", "malignant")
    assert reasons_to_abstain(blank=False, novel=False, possible=("benign",)) == ()
    assert reasons_to_abstain(blank=False, novel=False, possible=several) == ("Not decided: benign or malignant.",)
    assert "does not look like" in reasons_to_abstain(blank=False, novel=True, possible=several)[0]
    assert "blank" in reasons_to_abstain(blank=True, novel=True, possible=several)[0]


def _corner(row: int, column: int) -> np.ndarray:
    heat_map = np.zeros((7, 7), np.float32)
    heat_map[6 * row, 6 * column] = 1
    return heat_map


def _mask(row: int, column: int) -> np.ndarray:
    mask = np.zeros((90, 120), bool)
    mask[row * 60 : row * 60 + 30, column * 80 : column * 80 + 40] = True
    return mask


def test_a_heat_map_is_moved_to_what_it_is_about() -> None:
    activation = np.zeros((7, 7), np.float32)
    activation[3, 4] = 2
    activation[0, 0] = -1
    moved = to_heat_map(activation, MAP_SHIFT)
    assert moved.shape == (28, 28) and moved.max() == 1 and moved.min() == 0
    peak = np.unravel_index(moved.argmax(), moved.shape)
    rows, columns = np.mgrid[:28, :28]
    weights = moved * ((abs(rows - peak[0]) < 6) & (abs(columns - peak[1]) < 6))
    # In pixels of 224: around 96 and 128, 32 times the number of the cell.
    assert abs((weights * (rows + 0.5)).sum() / weights.sum() * 8 - 96.5) < 1
    assert abs((weights * (columns + 0.5)).sum() / weights.sum() * 8 - 128.5) < 1
    mirrored = to_heat_map(activation, MAP_SHIFT, mirrored=True)
    weights = mirrored * ((abs(rows - peak[0]) < 6) & (abs(columns - peak[1]) < 8))
    assert abs((weights * (columns + 0.5)).sum() / weights.sum() * 8 - 144) < 1  # of both sides, the middle of the cell
    assert (to_heat_map(activation) == np.maximum(activation, 0) / 2).all()


def test_heat_maps_are_compared_with_masks_and_with_the_maps_of_other_images() -> None:
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    maps, masks = [_corner(*place) for place in places], [_mask(*place) for place in places]
    right = np.array([True, True, True, False])
    found = heat_map_truth(maps, masks, right)
    assert found is not None and found.right is not None and found.wrong is not None
    assert (found.all.n, found.all.peak_inside, found.all.peak_by_chance) == (4, 4, 0)
    assert found.all.overlap > 0.1 > found.all.overlap_by_chance == 0
    assert (found.right.n, found.wrong.n) == (3, 1)
    same = heat_map_truth([maps[0]] * 4, masks, right)  # a habit of always looking at one corner
    assert same is not None and same.wrong is not None
    assert same.all.peak_inside == 1 and same.all.peak_by_chance == pytest.approx(1 / 4)
    assert same.wrong.peak_inside == 0
    assert "by chance 25%" in same.sentences()[0] and len(same.sentences()) == 3
    assert heat_map_truth(maps[:1], masks[:1], right[:1]) is None


def test_heat_maps_of_central_squares_are_compared_where_they_lie() -> None:
    """In each picture the lesion fills the hottest cell of the part that the network sees, near its corner."""
    trained = ValidateSettings(framing="centre", image_size=224)
    sizes = [(500, 300), (300, 500), (448, 224), (260, 240)]
    activation = np.zeros((7, 7), np.float32)
    activation[5, 5] = 1
    maps, masks = [heat_maps_of(trained)(activation, size) for size in sizes], []
    for width, height in sizes:
        left, top, right, bottom = trained.preprocessing.region((width, height))
        across, down = (right - left) / 7, (bottom - top) / 7
        rows, columns = np.mgrid[:height, :width] + 0.5
        inside = (abs(columns - left - across * 5) < across / 2) & (abs(rows - top - down * 5) < down / 2)
        masks.append(inside)  # the cell shows the pixels around its upper left corner (MAP_SHIFT)
    found = heat_map_truth(maps, masks, np.ones(4, dtype=bool))
    assert found is not None and found.all.peak_inside == 4 and found.all.overlap > 0.3
    whole = heat_maps_of(ValidateSettings())
    stretched = heat_map_truth([whole(activation, size) for size in sizes], masks, np.ones(4, dtype=bool))
    assert stretched is not None and stretched.all.overlap < found.all.overlap / 2


def test_a_hold_out_says_that_its_thresholds_saw_its_images() -> None:
    one = made_up(200)
    one.folds[:] = 1
    assert "look better than they are" in out_of_fold(one, None).sentences()[0]
    assert "look better" not in out_of_fold(made_up(200), None).sentences()[0]
