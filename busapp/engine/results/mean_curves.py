"""Losses and accuracies of a cross-validation over its epochs, means over the folds."""

from collections.abc import Iterable, Mapping
from statistics import fmean

from busapp.engine.contract.side_by_side import MeanEpoch
from busapp.engine.events import EpochEnded, Event


def mean_epochs(events: Iterable[Event]) -> list[MeanEpoch]:
    """The epochs that the events record, in their order. If a resumed run recorded an epoch twice, the last record
    counts."""
    by_epoch: dict[int, list[EpochEnded]] = {}
    for event in _latest(events).values():
        by_epoch.setdefault(event.epoch, []).append(event)
    return [
        {
            "epoch": epoch,
            "train_loss": fmean(each.train_loss for each in ended),
            "train_accuracy": fmean(each.train_accuracy for each in ended),
            "test_loss": fmean(each.test_loss for each in ended),
            "test_accuracy": fmean(each.test_accuracy for each in ended),
        }
        for epoch, ended in sorted(by_epoch.items())
    ]


def train_seconds(events: Iterable[Event], n_trained: Mapping[int, int]) -> float | None:
    """Seconds of training, all epochs together, without tests. `n_trained` are the training images of each fold, real
    and synthetic. None if no epoch is recorded."""
    latest = _latest(events)
    if not latest:
        return None
    return sum(n_trained[fold] / event.images_per_second for (fold, _), event in latest.items())


def _latest(events: Iterable[Event]) -> dict[tuple[int, int], EpochEnded]:
    return {(event.fold, event.epoch): event for event in events if isinstance(event, EpochEnded)}
