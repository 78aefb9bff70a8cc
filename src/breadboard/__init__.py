"""Breadboard records, watches, questions and replays real-time markets.

The journal is the truth; everything to its right is a pure function of it and can be run again.
"""

__version__ = "0.1.0"
