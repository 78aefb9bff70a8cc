"""The stages, and the engine that runs them over the journal: books, bars, continuity, clock, digest."""

from breadboard.engine.core import Engine
from breadboard.engine.warming import warm

__all__ = ["Engine", "warm"]
