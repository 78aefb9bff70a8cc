"""Fake venues on loopback that speak the real protocols, with faults on demand.

Reading order: ``serve`` (the composition), ``market`` (what happens), ``binance`` and ``coinbase`` (how it is told),
``recording`` (a recording told again), ``server`` (the sockets), ``pipes`` (late, or in crumbs), ``faults`` (their
table), ``mischief`` (carries them out), ``truth`` (what was really sent, and what was done wrong). ``iqfeed`` is a
gateway of another kind, text lines over TCP, and has a reading order of its own.
"""
