"""Shares of counts: the exact confidence interval of one, and the count that reaches one."""

import math
from fractions import Fraction


def exact95(count: int, of: int) -> tuple[float, float]:
    """The exact 95 % interval (low, high) of the share `count` / `of`, within [0, 1] (Clopper and Pearson 1934). It
    covers the true share in at least 95 % of cases, however small `of` is. If `of` is 0, it is (0, 1)."""
    from scipy.special import betaincinv  # takes half a second to load

    low = float(betaincinv(count, of - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 0.975)) if count < of else 1.0
    return low, high


def least_count(share: float, of: int) -> int:
    """The smallest count that is at least this share of `of`, with the share as it is written in decimals: 9 for 0.9 of
    10. A product of floats may lie a hair beside the whole number."""
    return math.ceil(Fraction(str(share)) * of)
