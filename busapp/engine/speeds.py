"""Seconds per unit of work: measured in earlier runs on this machine, otherwise rough reference values.

The seconds per unit are remembered for each kind of work. `gan-224` counts images × epochs of a DCGAN at 224×224
pixels; its options are appended (`gan-64-altered-spectral-averaged`). `mobilenet-7-224-1` counts images × epochs of a
MobileNetV2 with 7 frozen stages (`auto` if the machine chooses), 224×224 pixels and width 1; keys of other networks
begin with their names (`resnet_18-7-224-1`), and their stages count in MobileNetV2's 19. If features of
several networks are taken, the names of these follow.
"""

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path

from busapp import paths
from busapp.engine.networks.registry import DEFAULT, NETWORKS
from busapp.engine.settings import SynthesizeSettings, ValidateSettings
from busapp.engine.utils.files import write_json
from busapp.errors import UserError

log = logging.getLogger(__name__)


# Seconds per image and epoch at 224×224, measured on two cores without a GPU; the keys are frozen stages.
_CLASSIFIER_SECONDS = {0: 0.080, 4: 0.028, 7: 0.020, 11: 0.0135, 14: 0.0075}
_STAGES_WITHOUT_GPU = 7
_GAN_SECONDS = 0.16
_TEST_SHARE = 0.35
"""Time to test an image, as a share of the time to train on it. Testing has no backward pass."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that a job will take. `measured` is true if this machine has done such work before."""

    seconds: float
    measured: bool

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.seconds + other.seconds, self.measured and other.measured)

    def in_words(self) -> str:
        """`24 min on this machine`, or `roughly 24 min` if nothing was measured yet."""
        return f"{in_words(self.seconds)} on this machine" if self.measured else f"roughly {in_words(self.seconds)}"


def in_words(seconds: float) -> str:
    """A duration for people: `40 s`, `24 min`, `3 h 10 min`, `1 day 14 h`."""
    if seconds < 1:
        return "under a second"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    name = "day" if days == 1 else "days"
    return f"{days} {name} {hours} h" if hours else f"{days} {name}"


def gan_key(settings: SynthesizeSettings) -> str:
    """The key of a DCGAN's work. A unit is one image in one epoch."""
    extras = {"altered": settings.alterations, "spectral": settings.spectral, "averaged": settings.weight_averaging > 0}
    extras |= {settings.backend: settings.backend != "auto"}
    return "-".join(["gan", str(settings.image_size), *(name for name, is_on in extras.items() if is_on)])


def classifier_key(settings: ValidateSettings) -> str:
    """The key of a classifier's work. A unit is one training image in one epoch."""
    stages: int | str | None = None
    if settings.frozen_stages is not None:
        stages = round(settings.frozen_stages * 19 / NETWORKS[settings.network].stages)
    else:
        stages = settings.training.frozen_stages if settings.starts_from_imagenet else 0
    if stages is None:
        stages = "auto"
    kind = "mobilenet" if settings.network == DEFAULT else settings.network.replace("-", "_")
    members = "+".join(entry.name.replace("-", "_") for entry in settings.members)
    return f"{kind}-{stages}-{settings.image_size}-{settings.width:g}{f'-{members}' if members else ''}"


def classifier_units(n_train: int, n_test: int, epochs: int) -> float:
    """Units of work to train for `epochs` and test after each epoch."""
    return epochs * (n_train + _TEST_SHARE * n_test)


def _speeds_file() -> Path:
    return paths.user_data_dir() / "speeds.json"


def _speeds() -> dict[str, float]:
    """Seconds per unit by kind of work. A damaged file or value counts as not measured."""
    try:
        stored = json.loads(_speeds_file().read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in stored.items() if math.isfinite(value) and value > 0}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(key: str, seconds_per_unit: float) -> None:
    """Remember the seconds per unit of this kind of work. A file that cannot be written is no error."""
    if not (math.isfinite(seconds_per_unit) and seconds_per_unit > 0):
        return
    try:
        write_json(_speeds_file(), {**_speeds(), key: seconds_per_unit})
    except (OSError, UserError) as error:  # the job that was measured must not fail because of it
        log.warning("The speed of %s was not saved: %s", key, error)


def expect(key: str, units: float) -> Estimate:
    """Estimate the time for `units` of this kind of work.

    Raises:
        KeyError: the kind of work is unknown.
    """
    measured = _speeds().get(key)
    return Estimate(units * (measured or _reference(key)), measured is not None)


def _reference(key: str) -> float:
    kind, *numbers = key.split("-")
    if kind == "gan":
        return _GAN_SECONDS * (int(numbers[0]) / 224) ** 2
    entry = NETWORKS.get(DEFAULT if kind == "mobilenet" else kind.replace("_", "-"))
    if entry is not None:
        stages = _STAGES_WITHOUT_GPU if numbers[0] == "auto" else int(numbers[0])
        seconds = entry.effort * _CLASSIFIER_SECONDS[max(known for known in _CLASSIFIER_SECONDS if known <= stages)]
        return seconds * (int(numbers[1]) / 224) ** 2 * float(numbers[2])
    raise KeyError(key)
