"""Facts about a study, one or two sentences under each name. The items of the checklists refer to these names."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from busapp.engine.metrics import RESAMPLES, TARGET_SENSITIVITY
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.report.settings import in_a_line
from busapp.engine.report.subject import Subject
from busapp.engine.report.words import number
from busapp.engine.results.measured import Measured, as_trained
from busapp.engine.settings import ValidateSettings
from busapp.engine.utils.versions import installed
from busapp.engine.utils.words import low_to_high, many, per_cent

NO_RUN = "No cross-validation is finished yet."


def facts(subject: Subject) -> dict[str, str]:
    """Every fact by its name. Facts about runs are missing if no run is finished."""
    return {**_of_data(subject), **_of_program(), **(_of_runs(subject) if subject.measured else {})}


OF_RUNS = frozenset(
    {
        "abstract",
        "preprocessing",
        "partition",
        "partition_level",
        "used_twice",
        "leaks",
        "model",
        "initialization",
        "training",
        "final_model",
        "predictions",
        "imbalance",
        "synthetic",
        "performance",
        "classes_performance",
        "calibration",
        "failures",
        "folds",
        "comparison",
        "no_external",
        "flow",
        "sizes",
        "limits",
    }
)
"""The facts that need a finished run."""  # fmt: skip


def _of_data(subject: Subject) -> dict[str, str]:
    real = subject.real
    counts = Counter(record.class_name for record in real)
    sources = sorted({record.source for record in real if record.source})
    patients = {record.patient for record in real if record.patient}
    groups = Counter(record.group for record in real)
    several = sum(count > 1 for count in groups.values())
    in_several = sum(count for count in groups.values() if count > 1)
    aside = [record for record in real if record.excluded]
    covered = sum(record.original is not None for record in real)
    reasons = "; ".join(f"{count} {why}" for why, count in Counter(record.excluded for record in aside).items())
    phantoms = " They are simulated phantoms, not patients." if subject.workspace.phantoms else ""
    return {
        "data": f"{many(len(real), 'real image')}{_named(sources)}.{phantoms}",
        "classes": f"{many(len(counts), 'class').replace('classs', 'classes')}: "
        f"{', '.join(f'{name} {count:,}' for name, count in sorted(counts.items()))}. An image has one class: "
        "the one from the import, or a later change in the study, which the study's history records.",
        "sample_size": f"{many(len(real), 'image')} in {many(len(groups), 'group')}; the smallest class has "
        f"{min(counts.values(), default=0):,}. This program calculated no sample size beforehand.",
        "excluded": f"{many(len(aside), 'image')} set aside by hand{f' ({reasons})' if reasons else ''}. "
        f"{many(subject.conflicts, 'pair')} of near-duplicates have different classes; the strict protocol excludes "
        "them.",
        "missing": "The import skips and lists images that cannot be read; no data are imputed. An image without a "
        "class is not imported.",
        "duplicates": f"Near-duplicates were searched for among all images: {many(several, 'group')} of several "
        f"images, with {in_several:,} images together. Under the strict protocol a group is never on both sides of a "
        "fold.",
        "patients": f"{many(len(patients), 'patient')} known by keyed hash; the images of one patient are one group."
        if patients
        else "The patients are not known. Images of one patient may be on both sides of a fold unless they are "
        "near-duplicates.",
        "anonymity": "The study has no name, number or date of birth; patients are keyed hashes whose key is not in "
        f"the study. Text was covered in {many(covered, 'image')}.",
        "quality": "Size, brightness, contrast and margins of every image are measured, and doubtful ones flagged.",
    }


def _named(sources: Sequence[str]) -> str:
    if not sources:
        return ""
    shown = ", ".join(sources[:5])
    return f", imported from {shown}" + (f" and {len(sources) - 5} more" if len(sources) > 5 else "")


def _of_program() -> dict[str, str]:
    return {
        "title": "A deep-learning classifier of breast ultrasound images.",
        "goal": "Development with internal validation by cross-validation; reproduction of published systems.",
        "measures": "Sensitivity, specificity and accuracy per class (each against the rest), accuracy, balanced "
        "accuracy, area under the ROC curve, expected calibration error. Definitions under Methods.",
        "intervals": f"95 % percentile intervals from {RESAMPLES:,} bootstrap draws of groups of near-duplicates; for "
        "the calibration error the basic bootstrap interval.",
        "output": "A probability per class; the class with the largest is predicted. Operating points for a target "
        f"sensitivity of {per_cent(TARGET_SENSITIVITY, decimals=0)} are measured with thresholds from other folds.",
        "explainability": "Class activation maps (classifier weights times features) can be laid over each image.",
        "usability": "A model abstains, with reasons, if an image shows nothing or if no class is clear.",
        "software": f"busapp with {in_a_line(installed(), list(installed()))}; see Versions.",
        "code": "busapp is free software (Apache-2.0). The study's folder holds images, settings, events and results "
        "of every run; a model is one ONNX file.",
        "specification": "A model can be exported as one ONNX file with weights, preprocessing, classes and "
        "calibration inside.",
        "robustness": "Every leak of the protocol can be opened or closed alone, to measure its worth.",
    }


def _of_runs(subject: Subject) -> dict[str, str]:
    measured, titles = subject.measured, subject.titles
    first = measured[0]
    read = [as_trained(one.run) for one in measured]
    n_folds = sorted({len(one.result["folds"]) for one in measured})
    sizes = sorted({each.image_size for each in read})
    n_aside = max(one.result.get("n_set_aside", 0) for one in measured)
    synthetic = [f"{title}: {one.result['n_synthetic']:,}" for title, one in zip(titles, measured, strict=True)
                 if one.result["n_synthetic"]]  # fmt: skip
    leaking = [f"{title}: {'; '.join(one.leaks)}" for title, one in zip(titles, measured, strict=True) if one.leaks]
    tested = len(subject.tests)
    return {
        "abstract": _each(subject, _headline),
        "preprocessing": f"Resized to {_listed(sizes)} pixels square, normalised as for ImageNet"
        f"{_steps(read)}; the same in "
        "training, test and diagnosis.",
        "partition": f"{_folds_in_words(n_folds)}, stratified by class, at random from a seed.",
        "partition_level": "Strict: groups (near-duplicates, patients where known) are disjoint. Published: single "
        "images are.",
        "used_twice": "In a cross-validation every image is tested once and trained on in the other folds; in a "
        "hold-out, a fifth is tested. No fold was held out for choosing settings.",
        "leaks": f"{'. '.join(leaking)}." if leaking else "None of the runs reported in full leaks.",
        "model": f"{_networks(read)}; {many(len(first.classes), 'output')}.",
        "initialization": _initialization(read),
        "training": _each(subject, _training),
        "final_model": "The weights after the last epoch"
        f"{', a moving average of them in some runs' if any(e.training.weight_averaging for e in read) else ''}; no "
        "epoch is picked by its test images. For diagnosis a new model is trained on all images of the run.",
        "predictions": f"{_tested_by(measured)}"
        f"{', averaged with its mirror image in some runs' if any(e.training.mirrored_test for e in read) else ''}.",
        "imbalance": _imbalance(read, synthetic),
        "synthetic": f"In training folds only. {'; '.join(synthetic)}." if synthetic else "No synthetic images.",
        "performance": _each(subject, _headline),
        "classes_performance": _each(subject, _by_class),
        "calibration": _each(subject, _calibration),
        "failures": _each(subject, _failures),
        "folds": _each(subject, _range_of_folds),
        "comparison": f"{many(tested, 'pair')} of runs compared on common images (McNemar, paired bootstrap)."
        if tested
        else "No runs were compared.",
        "no_external": "None: all numbers are from cross-validation within this data set.",
        "flow": f"{many(len(subject.real), 'real image')} in the study, up to {n_aside:,} excluded from a run as "
        f"contradicting near-duplicates. Tested:\n{_each(subject, lambda one: format(one.result['n_tested'], ','))}",
        "sizes": _each(subject, _counts),
        "limits": "See the chapter Limits.",
    }  # fmt: skip


def _each(subject: Subject, words: Callable[[Measured], str]) -> str:
    """One line for each run."""
    return "\n".join(f"{title}: {words(one)}." for title, one in zip(subject.titles, subject.measured, strict=True))


def _headline(one: Measured) -> str:
    mark = "⚠ leaks, " if one.leaks else ""
    return f"{mark}accuracy {per_cent(one.result['accuracy'])} ({low_to_high(one.result.get('accuracy_ci95'))})"


def _by_class(one: Measured) -> str:
    found, spared = one.result["sensitivity"], one.result["specificity"]
    return ", ".join(
        f"{name} sensitivity {per_cent(found[name])} specificity {per_cent(spared[name])}" for name in one.classes
    )


def _calibration(one: Measured) -> str:
    known = one.result.get("calibration")
    return f"ECE {number(known['ece'])}" if known else "not computed"


def _failures(one: Measured) -> str:
    matrix, classes = one.result["confusion"], one.classes
    wrong = [
        (matrix[i][j], f"{classes[i]} predicted as {classes[j]} {matrix[i][j]}")
        for i in range(len(classes))
        for j in range(len(classes))
        if i != j and matrix[i][j]
    ]
    most = sorted(wrong, key=lambda each: -each[0])[:2]
    return f"{sum(count for count, _ in wrong)} wrong" + (
        f", most often {', '.join(w for _, w in most)}" if most else ""
    )


def _range_of_folds(one: Measured) -> str:
    ranges = one.result.get("fold_range")
    span = ranges["accuracy"] if ranges else None
    return f"folds {low_to_high(span)} %" if span and len(one.result["folds"]) > 1 else "one hold-out"


def _counts(one: Measured) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in (one.result.get("counts") or {}).items()) or "not kept"


def _steps(read: Sequence[ValidateSettings]) -> str:
    """`, adaptively equalised (CLAHE) in some runs`; empty if images were only resized."""
    used = Counter(step.full for one in read for step in one.preprocessing.steps)
    return "".join(f", {words}{' in some runs' if count < len(read) else ''}" for words, count in used.items())


def _networks(read: Iterable[ValidateSettings]) -> str:
    each_once = dict.fromkeys(
        f"{one.network_in_words}, width {one.width:g}, input {one.image_size}×{one.image_size} RGB" for one in read
    )
    return "; or ".join(each_once)


def _initialization(read: Iterable[ValidateSettings]) -> str:
    words = {
        (True, False): "ImageNet weights, a new last layer at random",
        (True, True): "ImageNet weights, which are kept",
        (False, False): "all weights at random",
        (False, True): "random weights, which are kept",
    }
    kinds = {(each.starts_from_imagenet, bool(each.members)) for each in read}
    return f"{'; or '.join(said for kind, said in words.items() if kind in kinds)}."


def _tested_by(measured: Iterable[Measured]) -> str:
    words = "Each tested image by the network of the fold that it was held out of"
    if any(one.result["leaks"]["weights_carried_over"] for one in measured):
        words += ", which had trained on it in an earlier fold if weights were carried over"
    return words


_HEADS: Final = {
    "svm": "an SVM with a radial kernel on the features",
    "knn": "the nearest neighbours by the features vote",
    "perceptron": "a perceptron with one hidden layer on the features",
}


def _training(one: Measured) -> str:
    settings = as_trained(one.run)
    recipe = settings.training
    method = NETWORKS[settings.network].features
    if method is not None:
        return ", ".join(
            ("no network trained", _HEADS[method.head], "augmentation" if recipe.variants else "no augmentation")
        )
    parts = [
        f"{many(settings.epochs, 'epoch')}",
        f"batch {settings.batch_size}",
        f"{recipe.optimizer_in_words}, learning rate {recipe.learning_rate:g}{', cosine' if recipe.cosine else ''}",
        "augmentation" if recipe.variants else "no augmentation",
    ]
    if settings.frozen_stages is not None:
        parts.append(f"{settings.frozen_stages} of {NETWORKS[settings.network].stages} stages frozen")
    if recipe.label_smoothing:
        parts.append(f"label smoothing {recipe.label_smoothing:g}")
    return ", ".join(parts)


def _imbalance(read: Iterable[ValidateSettings], synthetic: Sequence[str]) -> str:
    weighted = any(each.training.class_weighting for each in read)
    ways = [*(["the loss weighted by class"] if weighted else []), *(["synthetic images"] if synthetic else [])]
    return (
        f"Folds are stratified by class; {' and '.join(ways)} in some runs."
        if ways
        else "Folds are stratified by class; no other measure was taken."
    )


def _folds_in_words(counts: Sequence[int]) -> str:
    return " or ".join("one hold-out of a fifth" if count == 1 else f"{count} folds" for count in counts)


def _listed(values: Iterable[float]) -> str:
    return " or ".join(f"{value:g}" for value in values)
