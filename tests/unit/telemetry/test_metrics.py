"""What Prometheus is told."""

import msgspec
import numpy as np

from breadboard.capture.status import Counters, Status
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


def test_what_capture_wrote_of_its_sources_is_told() -> None:
    source = Counters(3, "BINANCE", 2, connected=True, connects=4, reconnects=3, gaps=5, quarantined=1, refusals=2)
    source.missing_told, source.missing, source.last_frame_age_s = 6, ["BTCUSDT trade"], 0.25
    status = msgspec.to_builtins(Status(1, 1_700_000_000_500_000_000, 0, False, 0, 0, 0, [source]))
    text = Metrics(LagBoard(), lambda: status).exposition().decode()
    told = {"connects": 4, "reconnects": 3, "gaps": 5, "quarantined": 1, "refusals": 2, "missing": 6}
    for name, count in told.items():
        assert value(text, f'breadboard_source_{name}_total{{source="3",venue="BINANCE"}}') == count
    assert value(text, 'breadboard_source_message_age_seconds{source="3",venue="BINANCE"}') == 0.25
    assert value(text, 'breadboard_source_missing_subscriptions{source="3",venue="BINANCE"}') == 1
    assert value(text, "breadboard_capture_written_timestamp_seconds") == 1_700_000_000.5
    assert "breadboard_source" not in Metrics(LagBoard()).exposition().decode(), "without capture there is nothing"
