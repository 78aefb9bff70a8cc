"""What Prometheus is told."""

import numpy as np

from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics


def value(text: str, sample: str) -> float:
    """Return the value of one sample line."""
    (line,) = [line for line in text.splitlines() if line.startswith(sample + " ")]
    return float(line.rsplit(" ", 1)[1])


def test_offset_lag_is_what_is_durable_and_not_yet_taken() -> None:
    metrics = Metrics(LagBoard())
    metrics.position(durable=1200, engine=1150, store=1000)
    metrics.frames.labels("BINANCE").inc(7)
    text = metrics.exposition().decode()
    assert value(text, "breadboard_engine_lag_frames") == 50
    assert value(text, "breadboard_store_offset") == 1000
    assert value(text, 'breadboard_frames_total{venue="BINANCE"}') == 7
    assert "process_resident_memory_bytes" in text


def test_lag_buckets_begin_below_zero_and_end_at_the_count() -> None:
    board = LagBoard()
    board.add("BINANCE", "f", "network", "replay", np.array([-5_000_000, 400_000, 30_000_000]))
    text = Metrics(board).exposition().decode()

    def bucket(bound: str) -> float:
        return value(
            text,
            f'breadboard_lag_seconds_bucket{{feed="f",hop="network",le="{bound}",provenance="replay",venue="BINANCE"}}',
        )

    assert [bucket(bound) for bound in ("-0.01", "-0.001", "0.0", "0.0005", "0.025", "0.05", "+Inf")] == [
        *(0, 1, 1, 2, 2, 3, 3)
    ]


def test_two_sets_of_metrics_do_not_share_a_registry() -> None:
    one, other = Metrics(LagBoard()), Metrics(LagBoard())
    one.bars.inc(3)
    assert value(other.exposition().decode(), "breadboard_bars_total") == 0
