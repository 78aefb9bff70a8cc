"""Bybit inverse."""

from samples.bybit import SAMPLE as SPOT
from samples.sample import Sample

SAMPLE = Sample(SPOT.frames, kinds=SPOT.kinds)
