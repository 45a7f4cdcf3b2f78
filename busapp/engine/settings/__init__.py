"""The settings of every job, one pydantic model each. The options of the command line and the forms of the window are
generated from these models, and the settings are saved with the run. Defaults are defined here and nowhere else."""

from busapp.engine.settings.balancing import BalanceSettings
from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.dataset import CoverSettings, CurateSettings, Fill, ImportSettings, ShareSettings
from busapp.engine.settings.diagnosis import DiagnoseSettings, ExportSettings
from busapp.engine.settings.gain import GainSettings
from busapp.engine.settings.leaks import LeaksSettings
from busapp.engine.settings.optimizers import OptimizersSettings
from busapp.engine.settings.rivals import RivalsSettings
from busapp.engine.settings.series import SeriesSettings, SideBySideSettings
from busapp.engine.settings.synthesis import BackendName, Framework, PresetName, SynthesizeSettings
from busapp.engine.settings.validation import ValidateSettings

__all__ = [
    "SETTINGS",
    "BackendName",
    "BalanceSettings",
    "CoverSettings",
    "CurateSettings",
    "DiagnoseSettings",
    "ExportSettings",
    "Fill",
    "Framework",
    "GainSettings",
    "ImportSettings",
    "JobSettings",
    "LeaksSettings",
    "OptimizersSettings",
    "PresetName",
    "RivalsSettings",
    "SeriesSettings",
    "ShareSettings",
    "SideBySideSettings",
    "SynthesizeSettings",
    "ValidateSettings",
    "setting",
]

SETTINGS: dict[str, type[JobSettings]] = {
    model.kind: model
    for model in (
        ImportSettings,
        CurateSettings,
        CoverSettings,
        SynthesizeSettings,
        BalanceSettings,
        ValidateSettings,
        LeaksSettings,
        GainSettings,
        RivalsSettings,
        OptimizersSettings,
        DiagnoseSettings,
        ExportSettings,
        ShareSettings,
    )
}
