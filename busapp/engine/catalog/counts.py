"""Calculations with numbers of images per class."""


def lacking(counts: dict[str, int]) -> dict[str, int]:
    """Number of images that each class lacks to equal the largest. Classes that lack none are absent."""
    largest = max(counts.values(), default=0)
    return {name: largest - count for name, count in counts.items() if count < largest}
