"""Seeds for the nodes of a tree, derived from one seed as numpy.random.SeedSequence derives them.

The hash is M. E. O'Neill's seed_seq_fe (2015, "Developing a seed_seq alternative").
"""

from __future__ import annotations

from itertools import cycle, islice

POOL_HASH_START = 0x43B0D7E5
POOL_HASH_FACTOR = 0x931E8875
STATE_HASH_START = 0x8B51F9DD
STATE_HASH_FACTOR = 0x58F38DED
MIX_LEFT = 0xCA01F9DD
MIX_RIGHT = 0x4973F715
SHIFT = 16
MASK = 0xFFFFFFFF


class SeedSequence:
    """A pool of entropy for one seed, from which keys spawn seeds of their own.

    Args:
        seed: not negative.
        pool_size: words of 32 bits kept; seeds of up to that many words lose nothing.
    """

    def __init__(self, seed: int, pool_size: int = 24) -> None:
        words = _words(seed)
        words += [0] * (pool_size - len(words))
        self._hash = POOL_HASH_START
        self._pool = [self._hashed(word) for word in words[:pool_size]]
        for source in range(pool_size):
            for target in range(pool_size):
                if source != target:
                    self._pool[target] = _mixed(self._pool[target], self._hashed(self._pool[source]))
        self._stir(words[pool_size:])

    def spawned(self, *key: int) -> int:
        """Return the first 32-bit word of the state of the child with that spawn key."""
        # That word comes from the first of the pool alone: the others need not be stirred, only be skipped.
        first, constant = self._pool[0], self._hash
        skip = pow(POOL_HASH_FACTOR, len(self._pool), MASK + 1)
        for part in key:
            for word in _words(part):
                first = _mixed(first, _hashed(word, constant))
                constant = constant * skip & MASK
        return _final(first, STATE_HASH_START)

    def state(self, words: int) -> list[int]:
        """Return words of 32 bits to seed a generator with."""
        constant, state = STATE_HASH_START, []
        for value in islice(cycle(self._pool), words):
            state.append(_final(value, constant))
            constant = constant * STATE_HASH_FACTOR & MASK
        return state

    def _stir(self, words: list[int]) -> None:
        for word in words:
            self._pool = [_mixed(value, self._hashed(word)) for value in self._pool]

    def _hashed(self, value: int) -> int:
        hashed = _hashed(value, self._hash)
        self._hash = self._hash * POOL_HASH_FACTOR & MASK
        return hashed


def _hashed(value: int, constant: int) -> int:
    value = (value ^ constant) * (constant * POOL_HASH_FACTOR & MASK) & MASK
    return value ^ value >> SHIFT


def _final(value: int, constant: int) -> int:
    value = (value ^ constant) * (constant * STATE_HASH_FACTOR & MASK) & MASK
    return value ^ value >> SHIFT


def _mixed(left: int, right: int) -> int:
    value = (MIX_LEFT * left - MIX_RIGHT * right) & MASK
    return value ^ value >> SHIFT


def _words(number: int) -> list[int]:
    words = [number & MASK]
    while number := number >> 32:
        words.append(number & MASK)
    return words
