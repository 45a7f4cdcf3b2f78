"""Settings of the system and the protocol of a cross-validation."""

from typing import Annotated

from pydantic import BaseModel

from busapp.engine.settings.base import JobSettings, setting
from busapp.engine.settings.systems import LEAK_NAMES, PROTOCOLS, Leaks, ProtocolName, SystemName

Switch = bool | None


class SystemSettings(JobSettings):
    """The system that is cross-validated."""

    system: Annotated[
        SystemName,
        setting(
            "System",
            "existing: one stratified hold-out, 80/20. system1: cross-validation with real images. system2: "
            "cross-validation with synthetic images in the training folds only.",
        ),
    ] = "system1"


class ProtocolSettings(JobSettings):
    """Leaks of a cross-validation. The protocol sets all leaks; each can also be set by itself."""

    protocol: Annotated[
        ProtocolName,
        setting("Protocol", "strict: no leaks. published: like the paper, with all its leaks."),
    ] = "strict"
    carry_weights: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['carry_weights']}",
            "Each fold continues from the weights of the fold before.",
            more=True,
        ),
    ] = None
    split_duplicates: Annotated[
        Switch,
        setting(f"Leak: {LEAK_NAMES['split_duplicates']}", "Groups may be split between training and test.", more=True),
    ] = None
    keep_conflicts: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['keep_conflicts']}",
            "Near-duplicates with contradicting labels stay in the dataset.",
            more=True,
        ),
    ] = None
    generator_sees_test: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['generator_sees_test']}",
            "One generator per class for all folds, trained on test images too.",
            more=True,
        ),
    ] = None
    selection_sees_test: Annotated[
        Switch,
        setting(
            f"Leak: {LEAK_NAMES['selection_sees_test']}",
            "Features are selected on all images, test images included. Only for networks that select features.",
            more=True,
        ),
    ] = None

    @property
    def leaks(self) -> Leaks:
        """The leaks of the protocol, each overridden if it was set by itself."""
        return PROTOCOLS[self.protocol].model_copy(update=set_by_hand(self, Leaks))


def set_by_hand(settings: JobSettings, parts: type[BaseModel]) -> dict[str, object]:
    """The fields of `parts` that were set in the settings by themselves."""
    return {name: value for name in parts.model_fields if (value := getattr(settings, name)) is not None}
