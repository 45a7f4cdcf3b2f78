"""The network for diagnosis: trained by a validation run's recipe on all images of the run."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from busapp.engine.classifiers.building import build
from busapp.engine.classifiers.learning import learner_for
from busapp.engine.classifiers.training import load_network
from busapp.engine.events import Event
from busapp.engine.progress import in_progress
from busapp.engine.results.measured import as_trained
from busapp.engine.settings import ValidateSettings
from busapp.engine.study.checkpoints import load_checkpoint, save_checkpoint
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.engine.validation.fold_generators import fold_discriminator
from busapp.engine.validation.training_data import balance, load_selection
from busapp.errors import BadInput, CannotResume

if TYPE_CHECKING:
    from busapp.engine.networks.layers.staged import Staged

FILE = "final.safetensors"


def train_final(workspace: Workspace, run: Run) -> Generator[Event, None, "Staged"]:
    """Train a network like a run's (`as_trained`), on all images that its protocol uses. Returns it in evaluation mode
    on the CPU.

    No image is held out: the run has already measured the recipe, out of fold. For `system2` synthetic images are
    added, from one generator for each class, and a network with a discriminator gets that of a GAN on all images. The
    network is saved as `final.safetensors` in the run's folder; a second call loads it from there. Its logits are in
    the order of the run's classes.

    Raises:
        BadInput: the run is not a finished validation, or the study's images have changed since the run.
        All errors of the job `validate`.
    """
    result = run.result()
    if run.info.kind != "validate" or result is None:
        raise BadInput("Only a finished validation run gives a model", file=run.id, remedy="Finish the run first.")
    settings, classes = as_trained(run), list(result["classes"])
    kept = _kept(run, settings, classes)
    if kept is not None:
        return kept
    selection, pixels = yield from load_selection(workspace, select(workspace, settings), settings.preprocessing)
    if selection.fingerprint() != result["images_fingerprint"]:
        raise BadInput(
            "The images of the study have changed since the run. Its numbers would not apply to this model",
            file=run.id,
            remedy="Undo the changes, or validate again, then export.",
        )
    labels = selection.labels
    if settings.system == "system2":
        drawn = yield from balance(workspace, run, selection, selection.records, frozenset(), settings, "all images")
        pixels, labels = np.concatenate([pixels, drawn.pixels]), np.concatenate([labels, drawn.labels])
    learner = learner_for(len(classes), settings)
    if settings.needs_discriminator:
        _, discriminator = yield from fold_discriminator(
            workspace, run, selection.records, frozenset(), settings.gan, "all images"
        )
        learner.begin_fold(carry_weights=False, discriminator=discriminator)
    store = yield from in_progress(learner.prepare(pixels), 0, len(pixels), f"frozen stages: {len(pixels)} images")
    everything = np.arange(len(labels))
    for epoch in range(1, settings.passes + 1):
        where = f"final model · epoch {epoch} of {settings.passes}"
        steps = learner.train_one_epoch(store, labels, everything, 0, epoch)
        before, total = (epoch - 1) * len(labels), settings.passes * len(labels)
        yield from in_progress(steps, before, total, where)
    trained: Staged = learner.tested.cpu().eval()
    weights = {f"network/{name}": value.numpy() for name, value in trained.state_dict().items()}
    save_checkpoint(run.folder / FILE, weights, {"classes": classes})
    return trained


def _kept(run: Run, settings: ValidateSettings, classes: list[str]) -> "Staged | None":
    try:
        arrays, _ = load_checkpoint(run.folder / FILE)
    except CannotResume:
        return None
    network = build(len(classes), settings.model_copy(update={"pretrained": False}), settings.seed)
    load_network(network, arrays)
    return network.eval()
