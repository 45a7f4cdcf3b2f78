"""How long a job will take on this study and this machine."""

from busapp.engine.settings import BalanceSettings, JobSettings, SeriesSettings, SynthesizeSettings, ValidateSettings
from busapp.engine.speeds import Estimate, expect, gan_key
from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.balancing import plan
from busapp.engine.validation.estimates import estimate_series, estimate_validations


def estimate(settings: JobSettings, workspace: Workspace) -> Estimate | None:
    """How long a run with these settings will take on this study; None for jobs that are not estimated.

    For `system2` every generator is counted as still to be trained; the run itself says how many it found.
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
