"""Numbers in words, for people."""


def many(count: int, thing: str) -> str:
    """`1 image`, `1,204 images`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
