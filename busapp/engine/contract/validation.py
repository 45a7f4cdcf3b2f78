"""Results of cross-validations: of `busapp validate`, `leaks` and `gain`, and of `busapp compare`.

Shares, accuracies and probabilities are fractions in [0, 1], their differences in [-1, 1]. A key that is `NotRequired`
is absent from results of earlier versions, or from the account of a run that is not finished.
"""

from typing import Any, Literal, NotRequired, TypedDict

SystemName = Literal["existing", "system1", "system2"]
ProtocolName = Literal["published", "strict"]

Interval = list[float]
"""[low, high] of a 95 % interval; of a range over folds, [lowest, highest]."""
ByClass = dict[str, float | None]
"""A measure by class name; None where it is not defined, such as the sensitivity of a class without test images."""
IntervalByClass = dict[str, Interval | None]

# -- measures ------------------------------------------------------------------------------------------------


class RecordedFold(TypedDict):
    """A fold as the job records it when its last epoch has ended."""

    fold: int
    """Counted from 1."""
    train_accuracy: float
    test_accuracy: float
    confusion: NotRequired[list[list[int]]]
    """`confusion[true][predicted]` counts test images, in the order of the run's classes."""
    n_train: NotRequired[int]
    """Real images."""
    n_test: NotRequired[int]
    n_synthetic: NotRequired[int]
    """Synthetic images in training."""


class MeasuredFold(TypedDict):
    """A fold as `metrics.summary` measures it from predictions."""

    fold: int
    n_test: int
    test_accuracy: float
    confusion: list[list[int]]
    balanced_accuracy: float
    sensitivity: ByClass
    specificity: ByClass
    auc: ByClass


class FoldResult(MeasuredFold):
    """A fold in the result of a validation: measured, and with what the job recorded."""

    train_accuracy: NotRequired[float]
    n_train: NotRequired[int]
    n_synthetic: NotRequired[int]


class FoldRange(TypedDict):
    """Lowest and highest value over the folds; None where no fold defines the measure."""

    accuracy: Interval | None
    balanced_accuracy: Interval | None
    sensitivity: IntervalByClass
    specificity: IntervalByClass
    auc: IntervalByClass


class ReliabilityBin(TypedDict):
    """One bin of the reliability curve: `n` images with a confidence from `low` to `high`."""

    low: float
    high: float
    n: int
    confidence: float
    """Mean of the bin's images."""
    accuracy: float


class Calibration(TypedDict):
    """The agreement of confidence and accuracy."""

    ece: float
    """Expected calibration error."""
    ece_ci95: Interval
    temperature: float
    """Fitted on all folds together."""
    ece_scaled: float | None
    """With each fold scaled by the temperature of the other folds; None if there is one fold."""
    bins: list[ReliabilityBin]
    """Those that hold images."""


class OperatingPoint(TypedDict):
    """A class called from a threshold on its probability. The threshold for a fold is chosen on the other folds."""

    target_sensitivity: float
    threshold: float
    """Chosen on all folds together."""
    fold_thresholds: dict[str, float]
    """By the number of the fold."""
    sensitivity: float
    sensitivity_ci95: Interval | None
    specificity: float | None
    specificity_ci95: Interval | None


class Measures(TypedDict):
    """The part of `metrics.summary` over all tested images, without the single folds."""

    confusion: list[list[int]]
    accuracy: float
    accuracy_ci95: Interval | None
    balanced_accuracy: float
    """Mean sensitivity of the classes that were tested."""
    balanced_accuracy_ci95: NotRequired[Interval | None]
    sensitivity: ByClass
    sensitivity_ci95: NotRequired[IntervalByClass]
    specificity: ByClass
    specificity_ci95: NotRequired[IntervalByClass]
    class_accuracy: NotRequired[ByClass]
    """Of each class against the rest."""
    class_accuracy_ci95: NotRequired[IntervalByClass]
    auc: ByClass
    auc_ci95: NotRequired[IntervalByClass]
    macro_auc: NotRequired[float | None]
    """Mean AUC of the classes."""
    macro_auc_ci95: NotRequired[Interval | None]
    fold_range: NotRequired[FoldRange]
    calibration: NotRequired[Calibration]
    operating_points: NotRequired[dict[str, OperatingPoint | None]]
    """By class; None where the other folds of a fold lack the class, or there is one fold."""


class Summary(Measures):
    """The result of `metrics.summary`."""

    folds: list[MeasuredFold]


# -- a validation --------------------------------------------------------------------------------------------

UsedGenerator = TypedDict(
    "UsedGenerator",
    {
        "class": str,
        "generator": str,
        "preset": str,
        "epochs": int,
        "image_size": int,
        "n_trained_on": int,
        "drawn": NotRequired[int],
        "copies": NotRequired[int],
        "left_out": NotRequired[int],
    },
)
"""A generator that a validation used: its settings, and the numbers of its images that were `drawn` for training, that
were skipped as `copies` of training images, and that were `left_out` because the study has set them aside."""


Framing = Literal["stretch", "centre"]
"""`stretch`: the whole picture becomes the square, whatever its aspect. `centre`: its central square does."""


class Preparation(TypedDict, total=False):
    """The steps from a picture to the pixels of a run, by the names of their settings. Results from before a step
    existed lack its key; their images were not prepared by it."""

    equalise: bool
    framing: Framing
    denoise: bool
    segment: bool


class UsedFeatures(TypedDict):
    """What a network that classifies the features of others takes. Absent for networks that are trained."""

    feature_networks: NotRequired[list[str]]
    """Names of the networks whose features it takes."""
    replaced_networks: NotRequired[list[str]]
    """Names of the paper's networks that it goes without."""
    with_weights: NotRequired[bool]
    """False if the networks had random weights instead of those of ImageNet; absent in older results."""
    selected_features: NotRequired[int]
    """Number of features that are selected; absent if all are taken."""


class Validated(Measures, Preparation, UsedFeatures):
    """The keys that a validation's result shares with its column in a comparison."""

    system: SystemName
    protocol: ProtocolName
    switches: dict[str, bool]
    """By the fields of `settings.systems.Leaks`; true: it is let through."""
    recipe: NotRequired[str]
    network: NotRequired[str]
    """By the names of `networks.registry`. Older results lack it; they are of mobilenet-v2."""
    classes: list[str]
    seed: int
    epochs: int
    n_images: NotRequired[int]
    """Real images of the run."""
    n_groups: int
    n_synthetic: NotRequired[int]
    """Synthetic images in the training part of a fold, at most."""
    train_accuracy: float | None
    """Mean over the folds; None while no fold is finished."""
    picked_epoch: NotRequired[float | None]
    """Accuracy if every fold reported the epoch that did best on its test images; None if an epoch is not recorded."""
    leaks: NotRequired[dict[str, int]]
    """Counts: `groups_split`, `weights_carried_over`, `generators_that_saw_test_images`,
    `conflicting_duplicates_kept`, `selections_that_saw_test_images`."""


class ValidationResult(Validated):
    """Result of `busapp validate`."""

    training: NotRequired[dict[str, Any]]
    """Parts of the recipe, by the fields of `settings.recipes.Recipe`."""
    n_tested: NotRequired[int]
    n_set_aside: NotRequired[int]
    """Near-duplicates with contradicting classes that the protocol excludes."""
    counts: NotRequired[dict[str, int]]
    """Real images by class."""
    images_fingerprint: NotRequired[str]
    synthetic_counts: NotRequired[dict[str, int]]
    """Synthetic images by class in the training part of a fold, at most."""
    synthetic_ranges: NotRequired[dict[str, list[int]]]
    """[fewest, most] synthetic images by class in the training part of a fold."""
    generators: NotRequired[list[UsedGenerator]]
    seconds: NotRequired[float]
    folds: list[FoldResult]
    device: NotRequired[str]
    frozen_stages: NotRequired[int]


# -- two runs ------------------------------------------------------------------------------------------------


class MeasureDifference(TypedDict):
    """Second run minus first, on their common images."""

    difference: float
    ci95: Interval | None


class PairedTest(TypedDict):
    """Two runs on their common tested images (`results.comparison.paired`); differences are second minus first."""

    n_common: int
    n_groups_common: int
    same_folds: bool
    only_first_right: int
    only_second_right: int
    groups_first_better: int
    groups_second_better: int
    difference: float | None
    """Of the accuracies; like its interval and p-value None if no image is common."""
    difference_ci95: Interval | None
    p_value: float | None
    differences: dict[str, MeasureDifference]
    """By measure: `balanced_accuracy`, `macro_auc`, `sensitivity/<class>`, `specificity/<class>`, `auc/<class>`."""


class ComparisonTest(PairedTest):
    """The test of two runs in a comparison, with their ids."""

    first: str
    second: str


class ComparisonColumn(Validated):
    """One run in a comparison."""

    run: str
    name: str
    dataset: str
    """Fingerprint of the dataset that the run began with."""
    n_folds: int


class Comparison(TypedDict):
    """Result of `busapp compare`."""

    runs: list[ComparisonColumn]
    tests: list[ComparisonTest]
    """One for every two runs."""


# -- leaks ---------------------------------------------------------------------------------------------------


class LeakRun(TypedDict):
    """One run of a measurement of leaks."""

    run: str
    accuracy: float
    accuracy_ci95: Interval | None
    n_images: int
    n_groups: int


class LeakDifference(TypedDict):
    """The difference of a run from the one before it, or from strict; all None in the first step. See
    `validation.leaks.measure_leaks`."""

    difference: float | None
    paired_difference: float | None
    paired_ci95: Interval | None
    p_value: float | None
    n_common: int | None
    n_groups_common: int | None
    same_folds: bool | None


class LeakEntry(LeakRun, LeakDifference):
    """One step from published to strict, or strict with one leak alone."""

    leak: str
    """The switch of `settings.systems.Leaks` that was closed, or is open alone; empty in the first step."""
    label: str


class LeaksResult(TypedDict):
    """Result of `busapp leaks`."""

    system: SystemName
    recipe: str
    folds: int
    epochs: int
    seed: int
    published: str
    strict: str
    steps: list[LeakEntry]
    alone: list[LeakEntry]
    picked_epoch: dict[str, float | None]
    """By run: how much its accuracy would rise if each fold reported its best epoch; None if that is not known."""
    devices: list[str]
    """Devices that the runs were trained on."""


# -- gain ----------------------------------------------------------------------------------------------------

TrainingName = Literal["plain", "synthetic", "augmented"]
DifferenceName = Literal["synthetic", "augmented", "instead"]
GainVerdict = Literal["helps", "harms", "no difference shown"]


class GainTraining(TypedDict):
    """One training of a measurement of gain."""

    run: str
    variants: int
    class_weighting: float
    system: SystemName
    accuracy: float
    accuracy_ci95: Interval | None
    balanced_accuracy: float
    balanced_accuracy_ci95: Interval | None
    sensitivity: ByClass
    sensitivity_ci95: IntervalByClass
    n_images: int
    n_groups: int
    n_synthetic: int


class GainTrainings(TypedDict):
    """`augmented` is None where `plain` is augmented and weighted as much already."""

    plain: GainTraining
    synthetic: GainTraining
    augmented: GainTraining | None


class TestedDifference(TypedDict):
    """Second training minus first, by one measure."""

    difference: float
    ci95: Interval | None
    p_value: float | None


MeasureDifferences = dict[str, TestedDifference]
"""By measure: `accuracy`, `balanced_accuracy`, `sensitivity/<class>`."""


class GainComparisons(TypedDict):
    """`synthetic` and `augmented` against `plain`, `instead`: `synthetic` against `augmented`."""

    synthetic: MeasureDifferences
    augmented: MeasureDifferences | None
    instead: MeasureDifferences | None


class GainResult(TypedDict):
    """Result of `busapp gain`; see `validation.gain.measure_gain`."""

    recipe: str
    folds: int
    epochs: int
    seed: int
    classes: list[str]
    n_images: int
    n_groups: int
    grown: dict[str, list[int]]
    """[fewest, most] synthetic images by class in the training part of a fold."""
    generators: list[UsedGenerator]
    more_steps: float
    """The extra length of an epoch with synthetic images, as a share."""
    devices: list[str]
    """Devices that the runs were trained on."""
    trainings: GainTrainings
    differences: GainComparisons
    verdict: GainVerdict
    against_augmented: GainVerdict | None
