"""What a spreadsheet makes of a text: some texts it runs, wherever the file came from."""

from typing import Any, Final

_RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "\0")


def harmless(cell: Any) -> Any:  # noqa: ANN401 - any cell
    """Return a cell of a CSV file: a text that begins as a formula does gets an apostrophe before it.

    Whoever writes numbers as texts leaves them out of this: -1.5 is no formula.
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_RISKY) else cell
