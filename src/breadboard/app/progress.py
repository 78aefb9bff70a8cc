"""Progress on stderr for long work, when a person is looking."""

import sys
from types import TracebackType
from typing import Self

from tqdm import tqdm


class Progress:
    """A bar that counts things done; silent where stderr is no terminal."""

    def __init__(self, unit: str, total: int | None = None) -> None:
        self._bar = tqdm(
            total=total, unit=f" {unit}", unit_scale=True, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False
        )

    def add(self, count: int) -> None:
        """Count some more."""
        self._bar.update(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
