"""What holds for every test."""

import os
import sys
from collections.abc import Generator

import pytest
from hypothesis import settings

# The first call of a compiled function loads machine code, for longer than any deadline; hypothesis's own profile for
# CI has none either.
if "CI" not in os.environ:
    settings.register_profile("breadboard", deadline=None)
    settings.load_profile("breadboard")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what the houses that it left running have to say."""
    del item
    report = yield
    houses = sys.modules.get("scenarios.house")  # whoever starts none does without all that it loads
    if report.failed and houses is not None:
        report.sections += [(str(house.data_dir), house.testimony()) for house in houses.House.running]
    return report
