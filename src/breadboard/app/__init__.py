"""The composition root: the only room that knows which parts were chosen, and which process runs which."""
