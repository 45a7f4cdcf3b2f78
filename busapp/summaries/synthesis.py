"""Words for the jobs that draw images: synthesize and balance."""

from collections.abc import Mapping
from typing import Any

from busapp.engine.contract.synthesis import BalanceResult, SynthesizeResult
from busapp.engine.gan.scores import SCORES_IN_WORDS
from busapp.engine.utils.words import counts_in_words, many, with_spread


def synthesize_lines(result: SynthesizeResult) -> list[str]:
    """The synthetic images and their training, their scores, and the drawn images that were left out."""
    lines = [
        f"{many(result['images'], 'synthetic image')} of {result['class']} drawn after "
        f"{many(result['epochs'], 'epoch')} ({result['preset']}, {result['seconds']:.0f} s). Run {result['run']}."
    ]
    lines += scores_in_words(result)
    if result.get("copies"):
        what = "near-copy" if result["copies"] == 1 else "near-copies"
        kept = "; see the folder copies of the run" if "left_out" in result else ""  # older runs kept none
        lines.append(f"{result['copies']:,} {what} of training images left out{kept}.")
    if result.get("left_out"):
        lines.append(f"Left out again because the study has set them aside: {many(result['left_out'], 'drawn image')}.")
    return lines


def scores_in_words(result: Mapping[str, Any]) -> list[str]:
    """A sentence for each score of the drawn images, with its spread and its floor; none if nothing was scored.

    Older results have only the first score, and no spread of its floor.
    """
    lines = []
    for name, (title, meaning, decimals) in SCORES_IN_WORDS.items():
        if result.get(name) is not None:
            score = with_spread(result[name], result.get(f"{name}_spread"), decimals)
            floor = with_spread(result.get(f"{name}_floor"), result.get(f"{name}_floor_spread"), decimals)
            lines.append(f"{title} {score}; real against real {floor} ({meaning}).")
    if lines and result.get("n_scored"):
        lines.append(f"Means ± standard deviations over random subsets of {result['n_scored']} images on each side.")
    return lines


def balance_lines(result: BalanceResult) -> list[str]:
    """The images of each class now in use, then a line for each class that lacked images."""
    if not result["classes"]:
        return [f"No class lacks images: {counts_in_words(result['counts'])}."]
    lines = [
        f"{many(result['images'], 'synthetic image')} drawn to balance the classes. In use now: "
        f"{counts_in_words(result['counts'])}."
    ]
    for one in result["classes"]:
        epochs, n_trained_on = one["epochs"], one["n_trained_on"]
        if one["problem"] or epochs is None or n_trained_on is None:
            lines.append(f"{one['class']}: none of {one['lacked']:,}. {one['problem']}")
            continue
        left = {"copies of training images": one["copies"], "set aside before": one["left_out"]}
        without = counts_in_words({name: count for name, count in left.items() if count})
        lines.append(
            f"{one['class']}: {one['images']:,} of {one['lacked']:,} from the generator of {one['generator']} "
            f"({one['preset']}, {many(epochs, 'epoch')}, "
            f"trained on {many(n_trained_on, 'image')})"
            f"{f'; left out: {without}' if without else ''}."
        )
    return lines
