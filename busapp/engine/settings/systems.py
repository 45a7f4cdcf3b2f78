"""The published systems, and the protocols to test them under, defined by named leaks.

Source: `dcgan-mobilenet-breast-ultrasound` (Samrin 2024), sections 3.3 to 3.5, Table 1 and Figure 13.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from busapp.engine.contract.validation import ProtocolName as ProtocolName
from busapp.engine.contract.validation import SystemName as SystemName
from busapp.engine.networks.registry import DEFAULT, NETWORKS


class Leaks(BaseModel):
    """Leaks that a protocol allows. All false is `strict`, all true is `published`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carry_weights: bool
    """Each fold continues from the weights of the fold before. From the second fold on, the network is therefore tested
    on images that it was trained on (Figure 13 draws one curve over all folds)."""

    split_duplicates: bool
    """Folds are split image by image, stratified by class, so that near-duplicates fall on both sides."""

    keep_conflicts: bool
    """Near-duplicates with contradicting labels stay in the dataset."""

    generator_sees_test: bool
    """One generator per class, trained on all images of the class, including test images."""

    selection_sees_test: bool = False
    """Features are selected on all images with their classes, including test images. Results of earlier versions lack
    it."""


PROTOCOLS: dict[ProtocolName, Leaks] = {
    "published": Leaks(
        carry_weights=True,
        split_duplicates=True,
        keep_conflicts=True,
        generator_sees_test=True,
        selection_sees_test=True,
    ),
    "strict": Leaks(carry_weights=False, split_duplicates=False, keep_conflicts=False, generator_sees_test=False),
}

LEAK_NAMES: dict[str, str] = {
    "carry_weights": "weights carried over",
    "split_duplicates": "near-duplicates split",
    "keep_conflicts": "conflicting duplicates kept",
    "generator_sees_test": "generator saw test images",
    "selection_sees_test": "features selected on all images",
}
"""Name of each leak, in the order of the fields of `Leaks`."""

_LEAK_WORDS: dict[str, str] = {
    "carry_weights": "weights are carried from fold to fold",
    "split_duplicates": "near-duplicates fall on both sides of a fold",
    "keep_conflicts": "near-duplicates with contradicting labels stay in",
    "generator_sees_test": "the generator has seen the test images",
    "selection_sees_test": "features were selected on all images, test images included",
}


def possible_leaks(system: SystemName, network: str = DEFAULT) -> list[str]:
    """Leaks that a system with a network of the registry can have, in the order of the fields of `Leaks`. `existing`
    has a single fold, so it carries no weights, and neither does a network that is not trained. Only `system2`, and
    networks with a discriminator, have generators. Only some networks select features."""
    entry = NETWORKS.get(network)
    method = entry.features if entry is not None else None
    cannot = set()
    if system == "existing" or method is not None:
        cannot.add("carry_weights")
    if system != "system2" and not (entry is not None and entry.needs_discriminator):
        cannot.add("generator_sees_test")
    if method is None or not method.selects:
        cannot.add("selection_sees_test")
    return [name for name in Leaks.model_fields if name not in cannot]


def open_leaks(system: SystemName, leaks: Leaks, network: str = DEFAULT) -> list[str]:
    """Leaks that are open: switched on, and possible for this system and this network."""
    return [name for name in possible_leaks(system, network) if getattr(leaks, name)]


def leaks_in_words(system: SystemName, leaks: Leaks, network: str = DEFAULT) -> list[str]:
    """Phrases for the open leaks."""
    return [_LEAK_WORDS[name] for name in open_leaks(system, leaks, network)]


_COUNTED: dict[str, str] = {
    "groups_split": "groups on both sides of a fold",
    "weights_carried_over": "folds that began with the weights of the one before",
    "generators_that_saw_test_images": "generators that had seen test images",
    "conflicting_duplicates_kept": "near-duplicates with contradicting labels",
    "selections_that_saw_test_images": "folds whose features were selected on test images too",
}


def counted_leaks(counts: Mapping[str, int]) -> list[str]:
    """Phrases for the counts under `leaks` in the result of a validation, without those that are zero."""
    return [f"{_COUNTED.get(name, name.replace('_', ' '))}: {count:,}" for name, count in counts.items() if count]
