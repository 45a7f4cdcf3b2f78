"""Estimate the time that a job will take on this study and this machine."""

from busapp.engine.settings import BalanceSettings, JobSettings, SeriesSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.speeds import Estimate, expect, gan_key
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.balancing import plan
from busapp.engine.validation.estimates import estimate_series, estimate_validations


def estimate(settings: JobSettings, workspace: Workspace) -> Estimate | None:
    """Estimate the time of a run with these settings on this study; None for jobs without an estimate.

    For `system2` the estimate includes training every generator. The run itself reports how many it could reuse.
    """
    counts = workspace.catalog.counts("real")
    if isinstance(settings, SynthesizeSettings):
        return expect(gan_key(settings), settings.epochs * counts.get(settings.class_name, 0))
    if isinstance(settings, BalanceSettings):
        return sum((share.estimate for share in plan(workspace, settings)), Estimate(0.0, measured=True))
    if isinstance(settings, ValidateSettings):
        return estimate_validations([settings], counts)
    if isinstance(settings, SeriesSettings):
        return estimate_series(workspace, settings)
    return None
