"""The parts of a cross-validation that are fixed before its training begins."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from busapp.engine.catalog import ImageRecord
from busapp.engine.catalog.counts import lacking
from busapp.engine.networks.registry import NETWORKS, beside_the_paper
from busapp.engine.settings import SynthesizeSettings, ValidateSettings
from busapp.engine.speeds import Estimate, classifier_key, classifier_units, expect
from busapp.engine.study.patients import remarkable
from busapp.engine.study.runs import Run
from busapp.engine.study.splits import Fold, Selection, fingerprint_of_groups, forbidden_hashes
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many


@dataclass(frozen=True)
class Study:
    """The images, folds and settings of a run; they are fixed before its training begins."""

    workspace: Workspace
    settings: ValidateSettings
    run: Run
    selection: Selection
    everything: tuple[ImageRecord, ...]
    """All real images when the run began or was resumed, including those that are set aside."""
    folds: Sequence[Fold] = ()
    """Empty until they are made, or read and checked (`folds.folds_of`)."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the folds and the images forbidden to generators depend on."""
        return f"{self.selection.fingerprint()} {fingerprint_of_groups(self.everything)}"

    @property
    def lacks(self) -> dict[str, int]:
        """Synthetic images by class that `system2` adds to every training fold."""
        return lacking(self.selection.counts) if self.settings.system == "system2" else {}

    def forbidden(self, fold: Fold) -> frozenset[str]:
        """Content hashes of the images that a fold's generators must not be trained on: its test images, their group
        mates, and images that were added since the run began, by importing or covering, since it is not known which
        images they resemble."""
        from busapp.engine.gan.generators import real_hashes

        known = frozenset(record.sha256 for record in self.everything)
        return forbidden_hashes(self.selection, fold, self.everything) | (real_hashes(self.workspace) - known)

    def for_generators(self, fold: Fold) -> tuple[list[ImageRecord], frozenset[str]]:
        """The images that a fold's generators are trained on, and the content hashes of those that they must not be
        trained on: all images and none, if one generator serves all folds."""
        records = self.selection.records
        if self.settings.leaks.generator_sees_test:
            return list(records), frozenset()
        forbidden = self.forbidden(fold)
        trained = (records[position] for position in fold.train)
        return [record for record in trained if record.sha256 not in forbidden], forbidden

    def images_of(self, fold: Fold) -> int:
        """Images that one epoch of a fold trains and tests on."""
        return len(fold.train) + sum(self.lacks.values()) + len(fold.test)

    def warnings(self) -> list[str]:
        """Sentences for the user about images that may make the results look better than they are."""
        return remarkable((record.patient, record.class_name) for record in self.selection.records)

    def notes(self) -> list[str]:
        """Sentences for the user before the training begins: duration, images set aside, missing generators."""
        settings, n_synthetic = self.settings, sum(self.lacks.values())
        units = sum(
            classifier_units(len(fold.train) + n_synthetic, len(fold.test), settings.passes) for fold in self.folds
        )
        training = expect(classifier_key(settings), units)
        folds, epochs = many(len(self.folds), "fold"), many(settings.passes, "epoch")
        images = many(len(self.selection.records), "image")
        said = [f"{folds} of {epochs} on {images}: {training.in_words()}."]
        if settings.weights_file is not None and settings.pretrained and not settings.starts_from_imagenet:
            title = settings.network_in_words
            said.append(f"{title} has no ImageNet weights; {settings.weights_file.name} is not used.")
        said += self._feature_notes()
        if self.selection.set_aside:
            aside = self.selection.set_aside
            said.append(
                f"{many(aside, 'image')} {'is' if aside == 1 else 'are'} set aside because of near-duplicates with "
                "another class."
            )
        return said + self._generator_notes(training)

    def _feature_notes(self) -> list[str]:
        settings = self.settings
        if settings.feature_networks and not settings.members:
            return [f"{settings.network_in_words} is trained itself; the networks for features are not used."]
        return beside_the_paper(settings.network, settings.feature_networks)

    def _generator_notes(self, training: Estimate) -> list[str]:
        shared = self.settings.leaks.generator_sees_test
        forbidden = [frozenset[str]()] if shared else [self.forbidden(fold) for fold in self.folds]
        n_train = [len(self.selection.records)] if shared else [len(fold.train) for fold in self.folds]
        share = float(np.mean(n_train)) / len(self.selection.records)
        said, total = [], training
        for class_name, count in self.lacks.items():
            needed, estimate = self._needed(class_name, self.settings.generator(class_name), forbidden, share)
            total += estimate
            said.append(f"{class_name} gets {count} synthetic images in training: {needed}.")
        if self.settings.needs_discriminator:
            needed, estimate = self._needed(None, self.settings.gan, forbidden, share)
            total += estimate
            said.append(f"{NETWORKS[self.settings.network].title} uses the discriminator of a GAN: {needed}.")
        return [*said, f"In total: {total.in_words()}."] if said else []

    def _needed(
        self, class_name: str | None, settings: SynthesizeSettings, forbidden: Sequence[frozenset[str]], share: float
    ) -> tuple[str, Estimate]:
        """What has to be trained, in words, and how long it takes."""
        from busapp.engine.validation.fold_generators import plan

        n_images = self.selection.counts[class_name] if class_name else len(self.selection.records)
        planned = plan(self.workspace, forbidden, settings, round(n_images * share))
        if not planned.to_train:
            return "the study already has the generators", planned.estimate
        words = f"{planned.to_train} of {len(forbidden)} generators have to be trained, {planned.estimate.in_words()}"
        return words, planned.estimate
