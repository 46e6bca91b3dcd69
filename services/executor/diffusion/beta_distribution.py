"""Quantiles of the Beta distribution, in plain floats."""

from __future__ import annotations

import math

BISECTIONS = 200  # more than a float64 interval can be halved
FRACTION_TERMS = 300
FRACTION_TOLERANCE = 1e-16
SMALLEST = 1e-300


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the x at which the cumulative distribution function of Beta(a, b) is `share` (0..1)."""
    if share <= 0.0:
        return 0.0
    if share >= 1.0:
        return 1.0
    if a == b and share == 0.5:
        return 0.5
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if beta_cumulative(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cumulative(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) (DLMF 8.17)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction of the mirrored distribution converges faster
        return 1.0 - beta_cumulative(1.0 - x, b, a)
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_scale) * _continued_fraction(x, a, b) / a


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Evaluate the fraction of DLMF 8.17.22 by the method of Lentz (Thompson and Barnett 1986)."""
    value = ratio = 1.0
    inverse = 0.0
    for term in range(1, FRACTION_TERMS):
        coefficient = _fraction_coefficient(term, x, a, b)
        inverse = 1.0 / _away_from_zero(1.0 + coefficient * inverse)
        ratio = _away_from_zero(1.0 + coefficient / ratio)
        value *= ratio * inverse
        if abs(ratio * inverse - 1.0) < FRACTION_TOLERANCE:
            break
    return 1.0 / value


def _fraction_coefficient(term: int, x: float, a: float, b: float) -> float:
    m = term // 2
    if term % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _away_from_zero(value: float) -> float:
    return value if abs(value) > SMALLEST else SMALLEST
