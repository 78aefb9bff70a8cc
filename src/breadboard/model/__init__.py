"""The nouns: what a market event is, in columns. No I/O, no clock, no venue."""
