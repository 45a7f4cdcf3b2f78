"""The steps of a preparation in words: said in one way by names, tables, cards and reports."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from busapp.engine.contract.validation import Preparation


class Step(NamedTuple):
    """A step besides resizing: `short` for names, `full` for sentences about images (both follow "images")."""

    short: str
    full: str


_STEPS: Final[dict[tuple[str, object], Step]] = {
    ("framing", "centre"): Step("central square", "cut to the central square"),
    ("denoise", True): Step("denoised", "denoised (Wiener filter)"),
    ("equalise", True): Step("equalised", "adaptively equalised (CLAHE)"),
    ("segment", True): Step("segmented", "segmented (Kapur's entropy)"),
}


def steps_of(kept: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps, in their order, of a mapping with the keys of `Preparation`. Older results lack some: no such step."""
    return tuple(step for (name, value), step in _STEPS.items() if kept.get(name) == value)


def in_full(kept: Mapping[str, Any]) -> str:
    """`denoised (Wiener filter), adaptively equalised (CLAHE)`; empty if images are only resized."""
    return ", ".join(step.full for step in steps_of(kept))


def preparation_of(kept: Mapping[str, Any]) -> Preparation:
    """The choices of a mapping that may be older than some of them."""
    return {
        "equalise": kept.get("equalise", False),
        "framing": kept.get("framing", "stretch"),
        "denoise": kept.get("denoise", False),
        "segment": kept.get("segment", False),
    }
