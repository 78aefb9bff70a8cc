"""The rows of a Parquet file: what their cells may hold, and which columns are none of a table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from breadboard.errors import UsageError
from breadboard.recordings.history_tables import LONGEST, read_parquet


def parquet(path: Path, **columns: Sequence[object] | pa.Array) -> list[bytes]:
    rest: dict[str, Sequence[object] | pa.Array] = {
        "ts_event": ["2026-11-24T09:30:00Z"] * 2,
        "price": [1.5, 2.5],
        "size": [1, 2],
    }
    pq.write_table(pa.table(rest | columns), path)
    return [body for _, body in read_parquet(path, "A", None, "", stamped_at_end=False)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_bytes_of_parquet_that_are_no_utf8_stay_as_they_are(kind: pa.DataType, tmp_path: Path) -> None:
    width = 8 if kind == pa.large_string() else 4
    offsets = b"".join(at.to_bytes(width, "little") for at in (0, 2, 5))
    bad = pa.Array.from_buffers(kind, 2, [None, pa.py_buffer(offsets), pa.py_buffer(b"\xff\xfebuy")])
    assert parquet(tmp_path / "t.parquet", side=bad) == [
        b"2026-11-24T09:30:00Z,1.5,1,\xff\xfe\n2026-11-24T09:30:00Z,2.5,2,buy"
    ]


def test_cells_of_parquet_are_bounded_and_columns_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    for long in (["x" * (LONGEST + 1)] * 2, pa.array(["x" * (LONGEST + 1)] * 2).dictionary_encode()):
        with pytest.raises(UsageError, match=f"a cell of its column 'side' has more than {LONGEST} bytes"):
            parquet(path, side=long)
    half = ["x" * (LONGEST // 2 + 1)] * 2
    with pytest.raises(UsageError, match=f"row 1 has more than {LONGEST} bytes"):
        parquet(path, side=half, trade_id=half)
    with pytest.raises(UsageError, match="its column 'price' is of type struct<a: int64>, and no cell of a table"):
        parquet(path, price=[{"a": 1}, {"a": 2}])
    tensor = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((2, 3)))
    with pytest.raises(UsageError, match=r"its column 'price' of type extension.* cannot be told as text: Unsupported"):
        parquet(path, price=tensor)
