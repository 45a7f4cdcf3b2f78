"""Descriptions of runs in words, as lists show them, and of where images are from."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from busapp.engine.catalog import ImageRecord
from busapp.engine.settings import SETTINGS
from busapp.engine.settings.recipes import Recipe
from busapp.engine.study.runs import RunInfo
from busapp.engine.utils.words import many, per_cent
from busapp.summaries.validation import has_leaks

NOT_KNOWN: Final = "not known"
"""Stands for the site or device of an image that has none."""
_MOST_PLACES: Final = 8


def places_in_words(images: Iterable[ImageRecord]) -> list[str]:
    """Count images by site and by device: `Site: UKE 12, not known 3`. Empty if none are known."""
    listed = list(images)
    lines = []
    for title, names in (("Site", [image.site for image in listed]), ("Device", [image.device for image in listed])):
        counts = Counter(names)
        if len(counts) > (None in counts):
            ordered = counts.most_common()
            parts = [f"{name or NOT_KNOWN} {n:,}" for name, n in ordered[:_MOST_PLACES]]
            if rest := sum(n for _, n in ordered[_MOST_PLACES:]):
                parts.append(f"others {rest:,}")
            lines.append(f"{title}: {', '.join(parts)}")
    return lines


def settings_in_words(info: RunInfo) -> str:
    """Describe the settings that matter: those always visible in the form, and others that differ from the default."""
    parts: list[str] = []
    for name, field in SETTINGS[info.kind].model_fields.items():
        saved = info.settings.get(name)
        value = tuple(saved) if isinstance(saved, list) else saved  # JSON has no tuples
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        is_default = field.is_required() or value == field.default
        if value is None or ((extra.get("more") or extra.get("usual")) and is_default):
            continue
        if isinstance(value, bool):
            parts.append(f"{field.title} {'on' if value else 'off'}")
        elif isinstance(value, int | float):
            parts.append(f"{value:,} {(field.title or name).lower()}")
        else:
            parts.append(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return " · ".join(parts)


def recipe_in_words(recipe: Recipe) -> str:
    """Describe how a classifier is trained, with every part of the recipe that has an effect."""
    parts = [recipe.optimizer_in_words]
    parts.append(f"learning rate {recipe.learning_rate:g}{', falling' if recipe.cosine else ''}")
    if recipe.variants:
        parts.append(f"{recipe.variants} altered copies of each image")
    if recipe.label_smoothing:
        parts.append(f"label smoothing {recipe.label_smoothing:g}")
    if recipe.class_weighting:
        parts.append(f"class weighting {recipe.class_weighting:g}")
    if recipe.weight_averaging:
        parts.append(f"averaged weights {recipe.weight_averaging:g}")
    if recipe.mirrored_test:
        parts.append("mirrored at test time")
    return ", ".join(parts)


def result_in_brief(kind: str, result: dict[str, Any] | None) -> str:
    """Return the main number of a run's result, with its interval or unit; empty if there is none."""
    if not result:
        return ""
    if kind == "validate" and "accuracy" in result:
        words = per_cent(result["accuracy"], result["accuracy_ci95"]).replace(" to ", "–")
        return f"⚠ {words}" if has_leaks(result) else words
    if kind == "synthesize":
        images = f"{result.get('images', 0):,} images"
        return f"{images}, KID {result['kid']:.2f}" if isinstance(result.get("kid"), int | float) else images
    return ""


def when_in_words(created: str) -> str:
    """Return a run's time in the user's time zone."""
    return datetime.fromisoformat(created).astimezone().strftime("%Y-%m-%d %H:%M")


def state_in_words(info: RunInfo) -> str:
    """Why a run has no result; empty if it is finished."""
    return {
        "running": "It is running.",
        "failed": f"It failed: {info.error}",
        "cancelled": "It was cancelled. Resume it in the list of runs.",
        "interrupted": "It was interrupted. Resume it in the list of runs.",
    }.get(info.state, "")


def latest_changes(changes: Sequence[str], most: int = 5) -> list[str]:
    """Return changes to the dataset, one line each, the newest last. If there are more than `most`, the first line
    counts the others."""
    hidden = len(changes) - most
    more = [f"• {many(hidden, 'earlier change')}"] if hidden > 0 else []
    return [*more, *(f"• {change}" for change in changes[-most:])]
