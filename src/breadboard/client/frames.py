"""Pages as tables: Arrow always, polars and pandas where they are installed."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from breadboard.client.errors import MissingPackage, Unreadable

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


def arrow(parts: Sequence[bytes]) -> "pa.Table":
    """Return the rows of Arrow streams as one table. Raises Unreadable."""
    import pyarrow as pa

    try:
        tables = [pa.ipc.open_stream(part).read_all() for part in parts]
        return pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    except pa.ArrowInvalid as error:
        raise Unreadable(f"the answer is no Arrow stream: {error}", hint="breadboard --version") from None


def polars(table: "pa.Table") -> "pl.DataFrame":
    """Return a table as a polars frame, decimals as decimals. Raises MissingPackage."""
    frame: pl.DataFrame = _package("polars").from_arrow(table)
    return frame


def pandas(table: "pa.Table") -> "pd.DataFrame":
    """Return a table as a pandas frame on Arrow's types, which keep every digit. Raises MissingPackage."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_package("pandas").ArrowDtype)
    return frame


def _package(name: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise MissingPackage(f"{name} is not installed", hint="pip install 'breadboard[notebook]'") from None
