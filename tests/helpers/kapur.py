"""Kapur's threshold, written out as it is defined (Kapur, Sahoo and Wong 1985)."""

from math import log


def kapur_by_hand(counts: list[int]) -> int | None:
    """The lowest threshold of largest entropy, found by trying all; None if fewer than two levels occur."""

    def entropy(part: list[int]) -> float:
        return -sum(count / sum(part) * log(count / sum(part)) for count in part if count)

    found = {
        t: entropy(counts[: t + 1]) + entropy(counts[t + 1 :])
        for t in range(len(counts) - 1)
        if sum(counts[: t + 1]) and sum(counts[t + 1 :])
    }
    best = [t for t, value in found.items() if value > max(found.values()) - 1e-9]
    return best[0] if best else None
