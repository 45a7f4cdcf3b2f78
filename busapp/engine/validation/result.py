"""The output of a cross-validation: its predictions and its result."""

from __future__ import annotations

import numpy as np

from busapp.engine import metrics
from busapp.engine.contract.validation import ValidationResult
from busapp.engine.results.predictions import Prediction
from busapp.engine.results.statistics import picked_epoch, used_features, with_recorded
from busapp.engine.study.splits import groups_split
from busapp.engine.validation.fixed_parts import Study
from busapp.engine.validation.state import State


def tested_predictions(study: Study, state: State) -> list[Prediction]:
    """Predictions of the images that were tested so far, in the catalog's order."""
    classes = study.selection.classes
    return [
        Prediction(
            image_id=record.id,
            file=record.file,
            sha256=record.sha256,
            group=record.group,
            fold=int(state.fold_of[position]),
            true=record.class_name,
            predicted=classes[int(state.logits[position].argmax())],
            logits=dict(zip(classes, state.logits[position].tolist(), strict=True)),
            site=record.site,
            device=record.device,
        )
        for position, record in enumerate(study.selection.records)
        if state.fold_of[position]
    ]


def run_result(study: Study, state: State, frozen_stages: int) -> ValidationResult:
    """The result of a cross-validation whose folds are all finished."""
    settings, selection = study.settings, study.selection
    tested = state.fold_of > 0
    measured = metrics.summary(
        selection.labels[tested],
        state.logits[tested],
        selection.groups[tested],
        selection.classes,
        folds=state.fold_of[tested],
        seed=settings.seed,
    )
    train_accuracies = [fold["train_accuracy"] for fold in state.finished]
    drawn = _drawn(study, state)
    return {
        "system": settings.system,
        "protocol": settings.protocol,
        "switches": settings.leaks.model_dump(),
        "recipe": settings.recipe,
        "network": settings.network,
        **used_features(settings),
        "training": settings.training.model_dump(),
        "classes": list(selection.classes),
        "n_images": len(selection.records),
        "n_tested": int(tested.sum()),
        "n_groups": len(set(selection.groups.tolist())),
        "n_synthetic": max(fold["n_synthetic"] for fold in state.finished),
        "n_set_aside": selection.set_aside,
        "counts": selection.counts,
        "images_fingerprint": selection.fingerprint(),
        "synthetic_counts": {name: most for name, (_, most) in drawn.items()},
        "synthetic_ranges": drawn,
        "generators": state.generators,
        "seed": settings.seed,
        "epochs": settings.passes,
        **settings.preprocessing.kept,
        "seconds": round(state.elapsed(), 3),
        "train_accuracy": float(np.mean(train_accuracies)),
        **measured,
        "folds": with_recorded(measured["folds"], state.finished),
        # Each event is written to the run before the job continues, so that its file has every epoch by now.
        "picked_epoch": picked_epoch(study.run.events(), measured["folds"]),
        "leaks": {
            "groups_split": groups_split(study.folds, selection.groups),
            "weights_carried_over": len(study.folds) - 1 if "carry_weights" in settings.open_leaks else 0,
            "generators_that_saw_test_images": len(state.leaky_generators),
            "conflicting_duplicates_kept": selection.conflicts,
            "selections_that_saw_test_images": len(study.folds) if "selection_sees_test" in settings.open_leaks else 0,
        },
        "device": ", then ".join(state.devices),
        "frozen_stages": frozen_stages,
    }


def _drawn(study: Study, state: State) -> dict[str, list[int]]:
    """[fewest, most] synthetic images by class in the training part of a fold. A generator that draws copies gives
    fewer images than the class lacks."""
    found: dict[str, list[int]] = {}
    for name, lacked in study.lacks.items():
        # Checkpoints of earlier versions do not have the number of drawn images: all that the class lacked were drawn.
        drawn = [used.get("drawn", lacked) for used in state.generators if used["class"] == name] or [lacked]
        found[name] = [min(drawn), max(drawn)]
    return found
