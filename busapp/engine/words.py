"""Numbers in words, for people."""


def many(count: int, thing: str) -> str:
    """`1 image`, `1,204 images`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def signed(points: float) -> str:
    """`+1.2`, `−0.5`, `0.0`."""
    words = f"{abs(points):.1f}"
    if float(words) == 0:
        return words
    return f"{'+' if points > 0 else '−'}{words}"
