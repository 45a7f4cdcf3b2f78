"""Choose a training recipe without the scores of the images that the choice is tested on.

    python benchmarks/recipes.py choose STUDY --weights FILE [--only NAME …] [--out FILE]
    python benchmarks/recipes.py svm STUDY --weights FILE

`choose` trains every candidate five times on eight of the ten folds of `system1 strict`, and scores it on the other
two, so that each image is scored once. For each fold, it chooses the candidate that is best on the images of the nine
other folds. The fold's own images were used to train some of the scored networks, but for no score. If one candidate is
best for all ten folds, its cross-validation is that of a recipe chosen on inner folds. Scores are saved in `--out`, and
a second start resumes from them.

`svm` measures frozen ImageNet features on the ten folds: MobileNetV2's 1,280 pooled features, standardised, and a
support vector machine. Its C and class weights are chosen by grouped cross-validation within each training part.
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from busapp.engine import metrics
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.splits import Fold, Selection, make_folds, select
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.steps import run_to_end
from busapp.engine.validation.training_data import load_selection

T = TypeVar("T")

CANDIDATES: Final[dict[str, dict[str, Any]]] = {
    "paper": {},
    "careful": {"recipe": "careful"},
}


def main() -> None:
    arguments = _parsed()
    workspace = Workspace.open(arguments.study)
    settings = ValidateSettings(system="system1", protocol="strict", weights_file=arguments.weights)
    if arguments.what == "svm":
        _svm(workspace, settings)
        return
    for name in arguments.only or CANDIDATES:
        if name not in _scores(arguments.out):
            _score(workspace, name, settings.model_copy(update=CANDIDATES[name]), arguments.out)
    _print_scores(_scores(arguments.out), *_folds(workspace, settings)[:2])


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["choose", "svm"])
    parser.add_argument("study", type=Path, help="a study with checked images")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2's ImageNet weights")
    parser.add_argument("--only", nargs="*", choices=sorted(CANDIDATES), help="only these candidates (default: all)")
    parser.add_argument("--out", type=Path, default=Path("recipes.jsonl"), help="file for the scores")
    return parser.parse_args()


def _folds(workspace: Workspace, settings: ValidateSettings) -> tuple[Selection, list[Fold], np.ndarray]:
    selection, pixels = run_to_end(load_selection(workspace, select(workspace, settings), settings.preprocessing))
    return selection, make_folds(selection, settings), pixels


def _score(workspace: Workspace, name: str, settings: ValidateSettings, out: Path) -> None:
    """Save the predictions of one candidate for all images, by networks that were trained on eight folds each."""
    from busapp.engine.classifiers.training import Learner

    began = time.perf_counter()
    selection, folds, pixels = _folds(workspace, settings)
    labels = selection.labels
    logits = np.zeros((len(labels), len(selection.classes)), dtype=np.float32)
    learner = Learner(len(selection.classes), settings)
    store = run_to_end(learner.prepare(pixels))
    for number, (first, second) in enumerate(list(pairwise(folds))[::2], start=1):
        tested = np.sort(np.concatenate([first.test, second.test]))
        learner.begin_fold(carry_weights=False)
        for epoch in range(1, settings.epochs + 1):
            trained_on = np.setdiff1d(np.arange(len(labels)), tested)
            run_to_end(learner.train_one_epoch(store, labels, trained_on, number, epoch))
        logits[tested], score = run_to_end(learner.evaluate(store, labels, tested))
        print(f"{name}: {number} of 5, {score.accuracy:.3f}", flush=True)
    row = {
        "name": name,
        "settings": CANDIDATES[name],
        "seconds": time.perf_counter() - began,
        "logits": logits.tolist(),
    }
    with out.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _scores(out: Path) -> dict[str, np.ndarray]:
    if not out.exists():
        return {}
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    return {row["name"]: np.array(row["logits"]) for row in rows}


def _print_scores(scores: dict[str, np.ndarray], selection: Selection, folds: list[Fold]) -> None:
    """Print the scores of all candidates, and the choice for each fold."""
    right = {name: logits.argmax(1) == selection.labels for name, logits in scores.items()}
    for name, logits in sorted(scores.items(), key=lambda item: -right[item[0]].mean()):
        found = metrics.summary(selection.labels, logits, selection.groups, selection.classes)
        sensitivity = " ".join(f"{value:.3f}" for value in found["sensitivity"].values())
        likelihood = -np.log(metrics.softmax(logits)[np.arange(len(logits)), selection.labels]).mean()
        low, high = found["accuracy_ci95"] or (np.nan, np.nan)
        print(
            f"{name:24} {100 * found['accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f})  "
            f"balanced {100 * found['balanced_accuracy']:.1f}  sensitivity {sensitivity}  "
            f"log likelihood {-likelihood:.3f}"
        )
    for number, fold in enumerate(folds, start=1):
        others = np.setdiff1d(np.arange(len(selection.labels)), fold.test)
        best = max(right, key=lambda name: right[name][others].mean())
        print(f"fold {number}: {best}, {100 * right[best][others].mean():.1f} on the other folds")


def _svm(workspace: Workspace, settings: ValidateSettings) -> None:
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    from busapp.engine.classifiers.features import embed

    selection, folds, pixels = _folds(workspace, settings)
    features, labels, groups = embed(pixels, settings.weights_file), selection.labels, selection.groups
    values = np.zeros((len(labels), len(selection.classes)))
    for fold in folds:
        machine = GridSearchCV(
            make_pipeline(StandardScaler(), SVC()),
            {"svc__C": [0.3, 1, 3, 10, 30], "svc__class_weight": [None, "balanced"]},
            cv=StratifiedGroupKFold(5, shuffle=True, random_state=settings.seed),
        ).fit(features[fold.train], labels[fold.train], groups=groups[fold.train])
        print(machine.best_params_, flush=True)
        values[fold.test] = machine.decision_function(features[fold.test])
    _print_scores({"frozen features, SVM": values}, selection, folds)


if __name__ == "__main__":
    main()
