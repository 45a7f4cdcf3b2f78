"""The published set-ups and the protocols they are run under, as named leaks.

Source: `dcgan-mobilenet-breast-ultrasound` (Samrin 2024), sections 3.3 to 3.5, Table 1 and Figure 13.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from busapp.engine.contract.validation import ProtocolName as ProtocolName
from busapp.engine.contract.validation import SystemName as SystemName


class Leaks(BaseModel):
    """What a protocol lets through. All false is `strict`, all true is `published`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carry_weights: bool
    """Each fold goes on from the weights of the fold before, so that from the second fold on the network is
    tested on images that it was trained on (Figure 13 draws one curve over all folds)."""

    split_duplicates: bool
    """Folds are stratified image by image, so that near-duplicates fall on both sides."""

    keep_conflicts: bool
    """Near-duplicates with contradicting labels stay in."""

    generator_sees_test: bool
    """One generator per class, trained on all its images, also those that are tested on later."""


PROTOCOLS: dict[ProtocolName, Leaks] = {
    "published": Leaks(carry_weights=True, split_duplicates=True, keep_conflicts=True, generator_sees_test=True),
    "strict": Leaks(carry_weights=False, split_duplicates=False, keep_conflicts=False, generator_sees_test=False),
}

LEAK_NAMES: dict[str, str] = {
    "carry_weights": "weights carried over",
    "split_duplicates": "near-duplicates split",
    "keep_conflicts": "conflicting duplicates kept",
    "generator_sees_test": "generator saw test images",
}
"""What each switch of `Leaks` is called, in the order of its fields."""

_LEAK_WORDS: dict[str, str] = {
    "carry_weights": "weights are carried from fold to fold",
    "split_duplicates": "near-duplicates fall on both sides of a fold",
    "keep_conflicts": "near-duplicates with contradicting labels stay in",
    "generator_sees_test": "the generator has seen the test images",
}


def possible_leaks(system: SystemName) -> list[str]:
    """The switches that make a difference, in the order of the fields of `Leaks`: `existing` has one fold to train, so
    that no weights are carried, and `system2` alone has a generator."""
    cannot = set()
    if system == "existing":
        cannot.add("carry_weights")
    if system != "system2":
        cannot.add("generator_sees_test")
    return [name for name in Leaks.model_fields if name not in cannot]


def open_leaks(system: SystemName, leaks: Leaks) -> list[str]:
    """The switches that let something through: those that are on and make a difference."""
    return [name for name in possible_leaks(system) if getattr(leaks, name)]


def leaks_in_words(system: SystemName, leaks: Leaks) -> list[str]:
    """What leaks, a phrase each; without what a system cannot leak."""
    return [_LEAK_WORDS[name] for name in open_leaks(system, leaks)]


_COUNTED: dict[str, str] = {
    "groups_split": "groups on both sides of a fold",
    "weights_carried_over": "folds that began with the weights of the one before",
    "generators_that_saw_test_images": "generators that had seen test images",
    "conflicting_duplicates_kept": "near-duplicates with contradicting labels",
}


def counted_leaks(counts: Mapping[str, int]) -> list[str]:
    """What the `leaks` of a validation's result counted, a phrase each; without what is zero."""
    return [f"{_COUNTED.get(name, name.replace('_', ' '))}: {count:,}" for name, count in counts.items() if count]
