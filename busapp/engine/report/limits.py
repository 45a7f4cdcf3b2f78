"""The chapters on how the numbers are defined, and on what they do not say."""

from collections.abc import Iterator

from busapp.engine.metrics import RESAMPLES
from busapp.engine.report.blocks import Block, Bullets, Heading
from busapp.engine.report.subject import Subject
from busapp.engine.utils.words import many


def methods() -> list[Block]:
    """Definitions, in the words of the program."""
    return [
        Heading("Methods"),
        Bullets(
            [
                "In a cross-validation every image is tested once, by the network of the fold that it was held out of; "
                "where weights are carried over, that network had trained on it in a fold before. Of a hold-out a "
                "fifth of the images is tested. An image counts for the class with the largest logit.",
                "Sensitivity TP / (TP + FN), specificity TN / (TN + FP) and accuracy (TP + TN) / all of a class are "
                "those of the class against all others (Samrin 2024, section 3.6). Balanced accuracy is the mean "
                "sensitivity.",
                "AUC is the area under the receiver operating characteristic of a class's probability, against the "
                "rest.",
                "Train accuracy is the running accuracy of a fold's last epoch, each image as the network answered "
                "when it learned from it; the mean over folds.",
                f"95 % intervals are percentiles of {RESAMPLES:,} bootstrap draws of whole groups: near-duplicates are "
                "right or wrong together. They tell what other images would give, not other folds, seeds or machines. "
                "Where all images are right or all wrong, all draws agree, and the interval is the exact one over "
                "groups (Clopper and Pearson 1934).",
                "Calibration: expected calibration error over 15 bins of equal width (Guo et al. 2017), of the largest "
                "probability; its interval is the basic bootstrap one.",
                "Published: the paper's protocol with its leaks. Strict: groups whole on one side of a fold, fresh "
                "weights in every fold, a generator for each fold that saw that fold's training images alone, "
                "near-duplicates with contradicting labels left out.",
            ]
        ),
    ]


def limits(subject: Subject) -> list[Block]:
    """What has to be kept in mind with these numbers, as far as the program can tell."""
    return [Heading("Limits"), Bullets(list(_limits(subject)))]


def _limits(subject: Subject) -> Iterator[str]:
    measured, real = subject.measured, subject.real
    if subject.workspace.phantoms:
        yield "All images are simulated phantoms: no number says anything about patients."
    leaking = [title for title, one in zip(subject.titles, measured, strict=True) if one.leaks]
    if leaking:
        yield f"These numbers leak and promise too much for new images: {'; '.join(leaking)}."
    if measured:
        yield (
            "All numbers are from within one data set. On images of other machines, centres and people they have to be "
            "measured anew."
        )
        yield (
            f"{many(len(subject.validations), 'cross-validation')} were finished in this study. Whoever chooses "
            "settings by these numbers makes them too good; no fold was kept apart for choosing."
        )
    if any(record.patient is None for record in real):
        yield (
            "Whose patients the images are of is not known of all of them: two pictures of one patient that do not "
            "look alike may be on both sides of a fold."
        )
    if any(not record.checked for record in real):
        yield "Not all images were checked for near-duplicates: run the check, then the cross-validation again."
    elif real:
        yield "Near-duplicates are found by how much pictures look alike; some may have been missed, or joined wrongly."
    yield "How the classes of the images were established (biopsy, follow-up, reading) is not known to this program."
    smallest = {one.run.id: min(one.result["counts"].values()) for one in measured if one.result.get("counts")}
    if smallest and min(smallest.values()) < 100:
        yield f"The smallest class has {many(min(smallest.values()), 'image')}: what is said of it is said of few."
    if any(one.result["n_synthetic"] for one in measured):
        yield "Synthetic images were trained on. They show what a generator learned from the real ones, nothing new."
    if any(subject.workspace.changed_since(one.run) for one in measured):
        yield "The dataset was changed after some of these runs began; see there."
    yield "Sex, age, breast density, machine and centre are not known, so that no subgroup could be looked at."
