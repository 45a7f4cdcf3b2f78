"""Finished cross-validations, as tables, figures and reports show them side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from busapp.engine.contract.validation import ValidationResult
from busapp.engine.images.steps import steps_of
from busapp.engine.networks.registry import DEFAULT, named_by
from busapp.engine.results.stored_results import finished_validation, validation_result
from busapp.engine.settings import ValidateSettings
from busapp.engine.settings.recipes import RECIPES, differences_in_words
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
    """One finished validation run and its `result`, completed by `statistics.of_run`. If it could not be completed,
    `result` is as the job wrote it, and `incomplete` says why; else `incomplete` is empty."""

    run: Run
    result: ValidationResult
    incomplete: str = ""

    @classmethod
    def of(cls, run: Run) -> "Measured":
        """Raises `BadInput` if the run is not a finished validation."""
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
        """The differences between runs of one system: the protocol, and differences from the paper's training."""
        return variant_of(self.run, self.result)

    @property
    def network(self) -> str:
        """The network's name in the registry; older runs, which do not name it, have the default one."""
        return str(self.run.info.settings.get("network", DEFAULT))

    @property
    def network_title(self) -> str:
        """The network's title for people; its name if this version does not know it."""
        return named_by(self.result, self.network)

    @property
    def title_with_network(self) -> str:
        """`Plain CNN, system1, strict`: the network is named even if it is the default one."""
        return ", ".join((self.network_title, self.system, *(v for v in self.variant if v != self.network_title)))

    @property
    def title(self) -> str:
        """`system1, strict, careful`."""
        return ", ".join((self.system, *self.variant))

    @property
    def leaks(self) -> list[str]:
        """The open leaks, one phrase each; empty if nothing leaks."""
        return leaks_in_words(self.system, Leaks(**self.result["switches"]), self.result.get("network", DEFAULT))

    @property
    def counted(self) -> list[str]:
        """The leaks that were counted, one phrase with a number each."""
        return counted_leaks(self.result["leaks"])

    @property
    def size(self) -> str:
        """`761 images in 582 groups, 10 folds × 20 epochs`; for a hold-out also the number of tested images."""
        folds, epochs = len(self.result["folds"]), self.result["epochs"]
        training = f"{'one hold-out' if folds == 1 else f'{folds} folds'} × {epochs} epoch{'' if epochs == 1 else 's'}"
        n_images, n_tested = self.result["n_images"], self.result.get("n_tested", self.result["n_images"])
        tested = f" ({n_tested:,} tested)" if n_tested < n_images else ""
        return f"{n_images:,} images in {self.result['n_groups']:,} groups, {training}{tested}"


def as_trained(run: Run) -> ValidateSettings:
    """Settings of a finished validation, with the recipe's parts and the frozen stages taken from its result: the
    recipe may have changed since, and the run may come from another machine."""
    known = {name: value for name, value in run.info.settings.items() if name in ValidateSettings.model_fields}
    result = validation_result(run)
    if result is None:
        return ValidateSettings.model_validate(known)
    stages = {"frozen_stages": result["frozen_stages"]} if "frozen_stages" in result else {}
    return ValidateSettings.model_validate(known).model_copy(update={**result.get("training", {}), **stages})


def variant_of(run: Run, result: ValidationResult) -> tuple[str, ...]:
    """The protocol (with `changed` if some of its leaks were set one by one), then network and recipe unless they are
    the paper's, then altered copies and class weights that differ from the recipe, then the steps that prepared its
    images: `equalised`."""
    protocol, system = result["protocol"], result["system"]
    network = run.info.settings.get("network", DEFAULT)
    leaks = [open_leaks(system, each, network) for each in (Leaks(**result["switches"]), PROTOCOLS[protocol])]
    changed = leaks[0] != leaks[1]
    recipe = result.get("recipe") or run.info.settings.get("recipe", "paper")  # missing in older results
    return (
        f"{protocol} changed" if changed else protocol,
        *([named_by(result, network)] if network != DEFAULT else []),
        *([recipe] if recipe != "paper" else []),
        *(differences_in_words(recipe, result.get("training", {})) if recipe in RECIPES else []),
        *(step.short for step in steps_of(result)),
    )


def longest_runs(workspace: Workspace) -> list[Run]:
    """The finished run with the most epochs of each system, protocol, network and recipe; if several have as many, the
    newest. They are in the order of the paper's systems, the published protocol first. Runs with single leaks set by
    hand belong to no protocol and are skipped."""
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
    """All finished validations with a readable result, newest first."""
    return [run for run in workspace.runs("validate") if validation_result(run) is not None]


def chosen_runs(workspace: Workspace, ids: Sequence[str]) -> list[Run]:
    """The named validation runs in the given order, each once. If none is named: `longest_runs`.

    Raises:
        BadInput: a named run does not exist or is not a finished validation; or none is named and the study has none.
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
