"""Massive stocks, 15 minutes late: the same frames."""

from dataclasses import replace

from samples import massive

SAMPLE = replace(massive.SAMPLE, channels=("trade", "bar"))
