"""What the counts of images by class come to."""


def lacking(counts: dict[str, int]) -> dict[str, int]:
    """How many images each class lacks to equal the largest; classes that lack none are absent."""
    largest = max(counts.values(), default=0)
    return {name: largest - count for name, count in counts.items() if count < largest}
