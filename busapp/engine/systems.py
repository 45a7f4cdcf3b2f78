"""The published set-ups and the protocols they are run under, as named leaks.

Source: `dcgan-mobilenet-breast-ultrasound` (Samrin 2024), sections 3.3 to 3.5, Table 1 and Figure 13.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

SystemName = Literal["existing", "system1", "system2"]
ProtocolName = Literal["published", "strict"]


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

_LEAK_WORDS: dict[str, str] = {
    "carry_weights": "weights are carried from fold to fold",
    "split_duplicates": "near-duplicates fall on both sides of a fold",
    "keep_conflicts": "near-duplicates with contradicting labels stay in",
    "generator_sees_test": "the generator has seen the test images",
}


def leaks_in_words(system: SystemName, leaks: Leaks) -> list[str]:
    """What leaks, a phrase each; without what a system cannot leak: `existing` has one fold to train, and
    `system2` alone has a generator."""
    cannot = set()
    if system == "existing":
        cannot.add("carry_weights")
    if system != "system2":
        cannot.add("generator_sees_test")
    return [_LEAK_WORDS[name] for name, leaking in leaks if leaking and name not in cannot]
