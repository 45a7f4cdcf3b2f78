"""The cross-validations that a series needs on a study."""

from busapp.engine.catalog.counts import lacking
from busapp.engine.settings import SeriesSettings, ValidateSettings
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace


def needed_validations(workspace: Workspace, settings: SeriesSettings) -> list[ValidateSettings]:
    """All validations of the series, in their order. If it can do without them (`skips_idle`), those of `system2` are
    left out where all classes are equally large, because they would add no synthetic images."""
    if not settings.skips_idle:
        return settings.validations
    return [each for each in settings.validations if each.system != "system2" or adds_images(workspace, each)]


def adds_images(workspace: Workspace, settings: ValidateSettings) -> bool:
    """True if a class has fewer images than another, so that `system2` adds synthetic ones."""
    return bool(lacking(select(workspace, settings).counts))
