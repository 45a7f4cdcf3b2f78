"""The chapters on the definitions of the numbers, and on their limits."""

from collections.abc import Iterator

from busapp.engine.metrics import RESAMPLES
from busapp.engine.report.blocks import Block, Bullets, Heading
from busapp.engine.report.subject import Subject
from busapp.engine.utils.words import many


def methods() -> list[Block]:
    """The chapter on methods: the definitions of all measures and protocols."""
    return [
        Heading("Methods"),
        Bullets(
            [
                "In a cross-validation every image is tested once, by the network of the fold that it was held out of. "
                "If weights are carried over, that network trained on it in an earlier fold. In a hold-out, a fifth "
                "of the images is tested. The class with the largest logit is the prediction.",
                "Sensitivity TP / (TP + FN), specificity TN / (TN + FP) and accuracy (TP + TN) / all of a class count "
                "the class against all others (Samrin 2024, section 3.6). Balanced accuracy is the mean "
                "sensitivity.",
                "AUC is the area under the receiver operating characteristic of a class's probability, against the "
                "rest.",
                "Train accuracy is the running accuracy of a fold's last epoch: each image counts as the network "
                "classified it when it was trained on it. The mean over folds is given.",
                f"95 % intervals are percentiles of {RESAMPLES:,} bootstrap draws of whole groups: near-duplicates are "
                "right or wrong together. They cover the choice of images, not that of folds, seeds or "
                "machines. If all images are right or all are wrong, all draws agree, and the exact interval over "
                "groups is given (Clopper and Pearson 1934).",
                "Calibration: expected calibration error over 15 bins of equal width (Guo et al. 2017), of the largest "
                "probability; its interval is the basic bootstrap one.",
                "Published: the protocol of the paper on ultrasound (Samrin 2024), with its leaks. Strict: groups "
                "whole on one side of a fold, fresh "
                "weights in every fold, a generator for each fold, trained only on that fold's training images, "
                "and no near-duplicates with contradicting labels.",
            ]
        ),
    ]


def limits(subject: Subject) -> list[Block]:
    """The chapter on the limits of these numbers, as far as the program knows them."""
    return [Heading("Limits"), Bullets(list(_limits(subject)))]


def _limits(subject: Subject) -> Iterator[str]:
    measured, real = subject.measured, subject.real
    if subject.workspace.phantoms:
        yield "All images are simulated phantoms: no number says anything about patients."
    leaking = [title for title, one in zip(subject.titles, measured, strict=True) if one.leaks]
    if leaking:
        yield f"These numbers leak and are too high for new images: {'; '.join(leaking)}."
    if measured:
        yield (
            "All numbers are from one data set. They have to be measured again on images of other machines, centres "
            "and people."
        )
        yield (
            f"{many(len(subject.validations), 'cross-validation')} were finished in this study. Choosing "
            "settings by these numbers makes them too high; no fold was held out for this choice."
        )
    if any(record.patient is None for record in real):
        yield (
            "The patients of some images are not known: two pictures of one patient that do not look alike may be on "
            "both sides of a fold."
        )
    if any(not record.checked for record in real):
        yield "Not all images were checked for near-duplicates: run the check, then the cross-validation again."
    elif real:
        yield "Near-duplicates are found by visual similarity; some may have been missed or grouped wrongly."
    yield "How the classes of the images were established (biopsy, follow-up, reading) is not known to this program."
    smallest = {one.run.id: min(one.result["counts"].values()) for one in measured if one.result.get("counts")}
    if smallest and min(smallest.values()) < 100:
        yield f"The smallest class has {many(min(smallest.values()), 'image')}: its numbers rest on few images."
    if any(one.result["n_synthetic"] for one in measured):
        yield "Training used synthetic images. They show what a generator learned from the real ones, nothing new."
    if any(subject.workspace.changed_since(one.run) for one in measured):
        yield "The dataset was changed after some of these runs began; see their sections."
    yield "Sex, age, breast density, machine and centre are not known, so that no subgroup was examined."
