"""How far a counted share might be off."""


def exact95(count: int, of: int) -> tuple[float, float]:
    """The exact 95 % interval of the share `count` / `of` (Clopper and Pearson 1934), both within [0, 1]; it covers
    the true share at least that often, however few are counted. Of nothing, nothing is known: (0, 1)."""
    from scipy.special import betaincinv  # takes half a second to load

    low = float(betaincinv(count, of - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 0.975)) if count < of else 1.0
    return low, high
