"""Whether a network that says 90 % is right nine times out of ten."""

import numpy as np
import numpy.typing as npt

from busapp.engine.contract.validation import Calibration, ReliabilityBin
from busapp.engine.metrics.bootstrap import Bootstrap
from busapp.engine.metrics.measures import Floats, Ints, softmax

BINS = 15
_TEMPERATURES = (0.05, 20.0)


def temperature(logits: Floats, true: Ints) -> float:
    """The temperature in [0.05, 20] that makes `softmax(logits / temperature)` the most likely to give `true`
    (Guo et al. 2017).

    Fit it on out-of-fold logits (n, classes): on training images it would learn that the network is always right.
    """
    below_largest = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    of_true = below_largest[np.arange(len(true)), true]
    # The log-likelihood is concave in 1 / temperature, so that its slope has one zero, which halving finds.
    lowest, highest = _TEMPERATURES
    low, high = np.log(1 / highest), np.log(1 / lowest)
    for _ in range(24):  # to a millionth
        middle = (low + high) / 2
        expected = (softmax(below_largest * np.exp(middle)) * below_largest).sum(axis=1)
        low, high = (middle, high) if (of_true - expected).mean() > 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def calibration_error(probabilities: Floats, true: Ints, *, bins: int = BINS) -> float:
    """Expected calibration error in [0, 1]: how far confidence and accuracy differ, over bins of equal width.

    Naeini et al. 2015, Guo et al. 2017, who take 15 bins. It is never quite zero, as chance alone makes a bin's
    accuracy differ from its confidence.
    """
    confidence, right, position = _binned(probabilities, true, bins)
    gaps = np.bincount(position, weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(true))


def _binned(probabilities: Floats, true: Ints, bins: int) -> tuple[Floats, npt.NDArray[np.bool_], Ints]:
    """Confidence, whether right, and number of the bin, (n,) each."""
    confidence = probabilities.max(axis=1)
    position = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    return confidence, probabilities.argmax(axis=1) == true, position


def calibration(true: Ints, logits: Floats, folds: Ints, bootstrap: Bootstrap) -> Calibration:
    """The calibration of out-of-fold logits (n, classes), as JSON types.

    Returns:
        `ece` with `ece_ci95`; `temperature`, fitted on all folds together: the one that a model for diagnosis gets;
        `ece_scaled`, where each fold is scaled with the temperature of the other folds, None where there is one
        fold; `bins` of the reliability curve (`low`, `high`, `n`, `confidence`, `accuracy`), those that hold images.
    """
    probabilities = softmax(logits)
    error = calibration_error(probabilities, true)
    several = len(np.unique(folds)) > 1
    return {
        "ece": error,
        "ece_ci95": _interval_of_error(error, probabilities, true, bootstrap),
        "temperature": temperature(logits, true),
        "ece_scaled": calibration_error(_scaled(true, logits, folds), true) if several else None,
        "bins": _reliability(probabilities, true),
    }


def _scaled(true: Ints, logits: Floats, folds: Ints) -> Floats:
    """Probabilities (n, classes), those of each fold scaled with the temperature of the others."""
    scaled = np.empty(logits.shape)
    for fold in np.unique(folds):
        inside = folds == fold
        scaled[inside] = softmax(logits[inside] / temperature(logits[~inside], true[~inside]))
    return scaled


def _interval_of_error(error: float, probabilities: Floats, true: Ints, bootstrap: Bootstrap) -> list[float]:
    """The basic bootstrap interval (Davison and Hinkley 1997), cut off at zero.

    Draws add chance to the gaps of the bins, which hold chance already, so that their errors lie above the measured
    one. The basic interval turns them around it, where percentiles would add the excess a second time. On 761
    simulated images it covered the error of endless images in 88 to 92 of 100 cases where there was one (percentiles:
    84 to 90); a network that is calibrated perfectly shows 0.036 by chance.
    """
    confidence, right, position = _binned(probabilities, true, BINS)
    values = np.zeros((len(true), BINS + 1))
    values[np.arange(len(true)), position] = confidence - right
    values[:, BINS] = 1
    sums = bootstrap.sums(values)
    low, high = np.percentile(np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS], [2.5, 97.5])
    return [max(0.0, float(2 * error - high)), max(0.0, float(2 * error - low))]


def _reliability(probabilities: Floats, true: Ints) -> list[ReliabilityBin]:
    confidence, right, position = _binned(probabilities, true, BINS)
    return [
        {
            "low": number / BINS,
            "high": (number + 1) / BINS,
            "n": int((position == number).sum()),
            "confidence": float(confidence[position == number].mean()),
            "accuracy": float(right[position == number].mean()),
        }
        for number in np.unique(position).tolist()
    ]
