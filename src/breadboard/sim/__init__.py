"""Fake venues on loopback that speak the real protocols, with faults on demand.

Reading order: ``serve`` (the composition), ``market`` (what happens), ``binance`` and ``coinbase`` (how it is told),
``recording`` (a recording told again), ``server`` (the sockets), ``faults``, ``truth`` (what was really sent).
"""
