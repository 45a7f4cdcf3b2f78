"""Jobs, their settings and their results in words, the same on every screen."""

from datetime import datetime
from typing import Any

from busapp.engine.runs import RunInfo
from busapp.engine.settings import SETTINGS


def title_of(kind: str, settings: dict[str, Any]) -> str:
    """What a job is called while it waits and works."""
    if kind == "import":
        return "Import"
    if kind == "curate":
        return "Find duplicates"
    if kind == "synthesize":
        return f"Synthesis: {settings['class_name']}, {settings['preset']}"
    if kind == "validate":
        return f"Validation: {settings['system']}, {settings['protocol']}"
    if kind == "diagnose":
        return "Diagnosis"
    return {"export": "Export of the model"}.get(kind, kind)


def settings_in_words(info: RunInfo) -> str:
    """The settings that matter: those that stand open in the form, and others where they are not the default."""
    parts: list[str] = []
    for name, field in SETTINGS[info.kind].model_fields.items():
        value = info.settings.get(name)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        is_default = field.is_required() or value == field.default
        if value is None or (extra.get("more") and is_default):
            continue
        if isinstance(value, bool):
            parts.append(f"{field.title} {'on' if value else 'off'}")
        elif isinstance(value, int | float):
            parts.append(f"{value:,} {(field.title or name).lower()}")
        else:
            parts.append(str(value))
    return " · ".join(parts)


def result_in_brief(kind: str, settings: dict[str, Any], result: dict[str, Any] | None) -> str:
    """The one number that a run ends in, with what it needs beside it."""
    if not result:
        return ""
    if kind == "validate" and "accuracy" in result:
        low, high = result.get("accuracy_ci95") or (float("nan"), float("nan"))
        words = f"{result['accuracy']:.1%} ({low:.1%}–{high:.1%})"
        leaks = any(result.get("leaks", {}).values()) or settings.get("protocol") == "published"
        return f"⚠ {words}, leaks" if leaks else words
    if kind == "synthesize":
        images = f"{result.get('images', 0):,} images"
        return f"{images}, KID {result['kid']:.2f}" if isinstance(result.get("kid"), int | float) else images
    return ""


def when_in_words(created: str) -> str:
    """A run's time as the user's clock shows it."""
    return datetime.fromisoformat(created).astimezone().strftime("%Y-%m-%d %H:%M")


def result_in_words(kind: str, result: dict[str, Any]) -> str:
    """The one line that a finished job leaves."""
    if kind == "import" and "imported" in result:
        parts = [f"{result['imported']:,} images came in"]
        if result.get("already_present"):
            parts.append(f"{result['already_present']:,} were there already")
        if result.get("skipped"):
            parts.append(f"{len(result['skipped']):,} files were skipped")
        return ", ".join(parts) + "."
    if kind == "curate" and "conflicts" in result:
        alike = sum(len(group["files"]) for group in result.get("groups", []))
        return f"{alike:,} images look alike, {len(result['conflicts']):,} pairs of them with different classes."
    if kind == "validate" and "accuracy" in result:
        low, high = result.get("accuracy_ci95", (float("nan"), float("nan")))
        protocol = result.get("protocol", "")
        words = f"accuracy {result['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%}), protocol {protocol}"
        return f"{words}, which leaks." if any(result.get("leaks", {}).values()) else f"{words}."
    if kind == "synthesize":
        return f"{result.get('images', 0):,} synthetic images were drawn."
    return "finished."
