"""Integrals of interpolating polynomials, in plain floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

NEWTON_STEPS = 20


def lagrange_basis(nodes: Sequence[float], index: int, at: float) -> float:
    """Return the polynomial that is 1 at one node and 0 at the others."""
    return math.prod((at - node) / (nodes[index] - node) for place, node in enumerate(nodes) if place != index)


def lagrange_integrals(nodes: Sequence[float], start: float, end: float) -> list[float]:
    """Return for each node the integral of its basis polynomial from start to end, exactly."""
    middle, half = (start + end) / 2, (end - start) / 2
    rule = gauss_legendre(len(nodes) // 2 + 1)
    return [
        half * sum(weight * lagrange_basis(nodes, index, middle + half * point) for point, weight in rule)
        for index in range(len(nodes))
    ]


@cache
def gauss_legendre(points: int) -> tuple[tuple[float, float], ...]:
    """Return points in -1..1 and weights that integrate polynomials of degree 2 * points - 1 exactly."""
    rule = []
    for index in range(points):
        x = math.cos(math.pi * (index + 0.75) / (points + 0.5))
        for _ in range(NEWTON_STEPS):
            value, slope = _legendre(points, x)
            x -= value / slope
        slope = _legendre(points, x)[1]
        rule.append((x, 2 / ((1 - x * x) * slope * slope)))
    return tuple(rule)


def _legendre(degree: int, x: float) -> tuple[float, float]:
    before, value = 1.0, x
    for n in range(2, degree + 1):
        before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
    return value, degree * (x * value - before) / (x * x - 1)
