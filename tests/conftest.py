"""What holds for every test."""

import os

from hypothesis import settings

# The first call of a compiled function loads machine code, for longer than any deadline; hypothesis's own profile for
# CI has none either.
if "CI" not in os.environ:
    settings.register_profile("breadboard", deadline=None)
    settings.load_profile("breadboard")
