"""Randomness as a pure function of what it is for: the same key always gives the same bytes."""

import hashlib
import math
from statistics import NormalDist

_MASK = (1 << 64) - 1

# What one random byte stands for. The middle of each of the 256 equal parts is taken.
NORMAL: tuple[float, ...] = tuple(NormalDist().inv_cdf((byte + 0.5) / 256) for byte in range(256))
EXTREME: tuple[float, ...] = tuple(-2 * math.log((byte + 0.5) / 256) for byte in range(256))


def noise(key: str, length: int) -> bytes:
    """Return `length` random bytes that depend on `key` only."""
    return hashlib.shake_128(key.encode()).digest(length)


def mix(*numbers: int) -> int:
    """Return 64 random bits that depend on `numbers` only (the finalizer of splitmix64 over each of them)."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state ^ number) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state


def seed_number(key: str) -> int:
    """Return 64 random bits for `key`, to be a number given to `mix`."""
    return int.from_bytes(noise(key, 8), "big")
