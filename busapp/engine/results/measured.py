"""Finished cross-validations as tables, figures and reports set them beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from busapp.engine.contract.validation import ValidationResult
from busapp.engine.results.finished import finished_validation, validation_result
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.recipes import RECIPES, other_weight_of_images
from busapp.engine.settings.systems import (
    PROTOCOLS,
    Leaks,
    ProtocolName,
    SystemName,
    counted_leaks,
    leaks_in_words,
    open_leaks,
)
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.errors import BadInput

_ORDER = {name: place for place, name in enumerate((*get_args(SystemName), *get_args(ProtocolName)))}


@dataclass(frozen=True)
class Measured:
    """One finished validation run: its `result` by the contract of `busapp validate --json`, completed by
    `statistics.of_run`. `incomplete` says why it is as the job left it where that could not be done, else it is empty.
    """

    run: Run
    result: ValidationResult
    incomplete: str = ""

    @classmethod
    def of(cls, run: Run) -> "Measured":
        """Raises `BadInput` where the run is no finished validation."""
        from busapp.engine.results.statistics import of_run  # numpy

        result = finished_validation(run)
        try:
            return cls(run, of_run(run))
        except BadInput as error:
            return cls(run, result, incomplete=str(error))

    @property
    def system(self) -> SystemName:
        return self.result["system"]

    @property
    def classes(self) -> list[str]:
        return list(self.result["classes"])

    @cached_property
    def variant(self) -> tuple[str, ...]:
        """What tells runs of one system apart: the protocol, and what differs from the paper's training."""
        return variant_of(self.run, self.result)

    @property
    def title(self) -> str:
        """`system1, strict, careful`."""
        return ", ".join((self.system, *self.variant))

    @property
    def leaks(self) -> list[str]:
        """What was let through, a phrase each; empty where nothing was."""
        return leaks_in_words(self.system, Leaks(**self.result["switches"]))

    @property
    def counted(self) -> list[str]:
        """What the leaks amounted to, a phrase with a number each."""
        return counted_leaks(self.result["leaks"])

    @property
    def size(self) -> str:
        """`761 images in 582 groups, 10 folds × 20 epochs`; of a hold-out also how many were tested."""
        folds, epochs = len(self.result["folds"]), self.result["epochs"]
        training = f"{'one hold-out' if folds == 1 else f'{folds} folds'} × {epochs} epoch{'' if epochs == 1 else 's'}"
        n_images, n_tested = self.result["n_images"], self.result.get("n_tested", self.result["n_images"])
        tested = f" ({n_tested:,} tested)" if n_tested < n_images else ""
        return f"{n_images:,} images in {self.result['n_groups']:,} groups, {training}{tested}"


def as_trained(run: Run) -> ValidateSettings:
    """A finished validation's settings, with the recipe and the frozen stages spelt out as its result has them: a
    recipe's parts may have changed since, and the run may be from another machine."""
    known = {name: value for name, value in run.info.settings.items() if name in ValidateSettings.model_fields}
    result = validation_result(run)
    if result is None:
        return ValidateSettings.model_validate(known)
    stages = {"frozen_stages": result["frozen_stages"]} if "frozen_stages" in result else {}
    return ValidateSettings.model_validate(known).model_copy(update={**result.get("training", {}), **stages})


def variant_of(run: Run, result: ValidationResult) -> tuple[str, ...]:
    """The protocol (`changed` where some of its leaks were set one by one), then the recipe unless it is the paper's,
    altered copies and class weights that are not the recipe's, then `equalised`."""
    protocol, system = result["protocol"], result["system"]
    changed = open_leaks(system, Leaks(**result["switches"])) != open_leaks(system, PROTOCOLS[protocol])
    recipe = result.get("recipe") or run.info.settings.get("recipe", "paper")  # older runs do not speak of it
    return (
        f"{protocol} changed" if changed else protocol,
        *([recipe] if recipe != "paper" else []),
        *(other_weight_of_images(recipe, result.get("training", {})) if recipe in RECIPES else []),
        *(["equalised"] if result.get("equalise") else []),
    )


def longest_runs(workspace: Workspace) -> list[Run]:
    """Of each system, protocol and recipe the finished run with the most epochs, the newest of these, in the order of
    the paper's systems; the published protocol first. Runs with single leaks set by hand are of no protocol."""
    found: dict[tuple[str, ...], tuple[int, Run]] = {}
    for run in finished_runs(workspace):
        result = finished_validation(run)
        variant = variant_of(run, result)
        if variant[0] in PROTOCOLS:
            key = (result["system"], *variant)
            if key not in found or result["epochs"] > found[key][0]:
                found[key] = result["epochs"], run
    return [found[key][1] for key in sorted(found, key=lambda key: (_ORDER[key[0]], _ORDER[key[1]], key[2:]))]


def finished_runs(workspace: Workspace) -> list[Run]:
    """All finished validations with a result, the newest first."""
    return [run for run in workspace.runs("validate") if validation_result(run) is not None]


def chosen_runs(workspace: Workspace, ids: Sequence[str]) -> list[Run]:
    """The named validation runs in the order given, each once; none named: `longest_runs`.

    Raises:
        BadInput: there is no such run, it is no finished validation, or none is named and none is there.
    """
    runs = [workspace.run(run_id) for run_id in dict.fromkeys(ids)] or longest_runs(workspace)
    if not runs:
        raise BadInput(
            "The study has no finished validation",
            file=workspace.root,
            remedy="Run `busapp validate`, or start one in the Validation tab.",
        )
    for run in runs:
        finished_validation(run)
    return runs
