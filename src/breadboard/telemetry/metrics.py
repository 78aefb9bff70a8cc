"""The one place that names Prometheus metrics, and the only file that imports the client."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from breadboard.telemetry.lag import LagBoard

disable_created_metrics()  # type: ignore[no-untyped-call] # the client leaves it untyped. A gauge of when each counter was made helps nobody

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LAG_BOUNDS_S: Final = (
    *(-1.0, -0.1, -0.01, -0.001, 0.0),
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 3600.0),
)
"""Buckets of ``breadboard_lag_seconds``. They begin below zero, because a clock may be wrong."""


SOURCE_COUNTERS: Final = {
    "connects": "Connections made",
    "reconnects": "Connections that ended, and attempts that failed: how often it was tried again",
    "failures": "Attempts to connect that failed",
    "frames": "Frames received",
    "bytes": "Bytes of the frames received",
    "gaps": "Gaps that capture wrote",
    "quarantined": "Messages that could not be received whole",
    "refusals": "Subscriptions that the venue refused by name",
    "missing_told": "Gaps because a subscription no longer brought what it should",
    "session_errors": "Failures of our own session",
}
"""What capture counts of each source, by its name in ``run/capture.json``."""

GATEWAY_GAUGES: Final = {
    "server_connected": ("server_connected", "1 while the gateway has the vendor's servers"),
    "server_silent_s": ("server_silent_seconds", "Since the servers last said anything, as the gateway says"),
    "reconnections": ("reconnections", "Since the gateway began"),
    "attempted_reconnections": ("attempted_reconnections", "Since the gateway began"),
    "symbols_watched": ("symbols_watched", "Of all its clients"),
    "symbol_limit": ("symbol_limit", "Of the account"),
    "clients": ("clients", "Connected to the gateway"),
    "kb_per_s_received": ("received_kilobytes_per_second", "From the vendor's servers"),
    "kb_per_s_sent": ("sent_kilobytes_per_second", "To all its clients"),
    "kb_queued": ("queued_kilobytes", "Wait in the gateway for the slowest of our connections"),
    "delayed": ("delayed", "1 where the account is delayed"),
}
"""What a gateway says of itself, by its name in ``facts`` of ``run/capture.json``: ``breadboard_gateway_*``."""


class _CaptureCollector(Collector):
    """Reads what capture last wrote of itself: it is another process, and knows nothing of Prometheus."""

    def __init__(self, status: Callable[[], Mapping[str, Any] | None]) -> None:
        self._status = status

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        status = self._status()
        if status is None:
            return
        written = GaugeMetricFamily("breadboard_capture_written_timestamp_seconds", "When capture last said how it is")
        written.add_metric((), status["written_ns"] / 1e9)
        yield written
        labels = ("venue", "source")
        named = [((source["venue"], str(source["source"])), source) for source in status["sources"]]
        for field, text in SOURCE_COUNTERS.items():
            counter = CounterMetricFamily(f"breadboard_source_{field.removesuffix('_told')}", text, labels=labels)
            for label, source in named:
                counter.add_metric(label, source.get(field, 0))
            yield counter
        connected = GaugeMetricFamily("breadboard_source_connected", "1 while the source is connected", labels=labels)
        age = GaugeMetricFamily(
            "breadboard_source_message_age_seconds", "Since the last data, as capture wrote it", labels=labels
        )
        lost = GaugeMetricFamily(
            "breadboard_source_missing_subscriptions", "Subscriptions held to be lost at the moment", labels=labels
        )
        aside = GaugeMetricFamily(
            "breadboard_aside_connected", "1 while a source that brings no data is connected", labels=labels
        )
        for label, source in named:
            (aside if source.get("aside") else connected).add_metric(label, float(source["connected"]))
            lost.add_metric(label, len(source.get("missing", ())))
            if source["last_frame_age_s"] is not None:
                age.add_metric(label, source["last_frame_age_s"])
        yield from (connected, aside, age, lost)
        for fact, (name, text) in GATEWAY_GAUGES.items():
            gauge = GaugeMetricFamily(f"breadboard_gateway_{name}", text, labels=labels)
            for label, source in named:
                if fact in source.get("facts", ()):
                    gauge.add_metric(label, float(source["facts"][fact]))
            yield gauge


class _LagCollector(Collector):
    """Reads the lag board when asked, so that counting a lag costs nothing here."""

    def __init__(self, board: LagBoard) -> None:
        self._board = board

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "breadboard_lag_seconds",
            "Lag per hop since start; buckets below zero mean that a clock is suspect",
            labels=("venue", "feed", "hop", "provenance"),
        )
        bounds_ns = np.array(LAG_BOUNDS_S) * 1e9
        for label, lags in self._board.histograms().items():
            buckets = [
                (str(bound), float(count))
                for bound, count in zip(LAG_BOUNDS_S, lags.cumulative(bounds_ns), strict=True)
            ]
            family.add_metric(list(label), [*buckets, ("+Inf", float(lags.count))], sum_value=None)
        yield family


class Metrics:
    """Every number this house counts about itself, in a registry of its own. Thread-safe.

    ``capture`` returns what the capture process last wrote of itself (``run/capture.json``), None without one.

    Rooms are handed the object and never import the client: ``metrics.frames.labels("BINANCE").inc(1200)``.
    """

    def __init__(self, lag: LagBoard, capture: Callable[[], Mapping[str, Any] | None] = lambda: None) -> None:
        self._registry = registry = CollectorRegistry()
        registry.register(_LagCollector(lag))
        registry.register(_CaptureCollector(capture))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"breadboard_{name}", help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(f"breadboard_{name}", help_text, labels, registry=registry)

        self.frames = counter("frames", "Journal frames decoded", "venue")
        self.bytes = counter("frame_bytes", "Bytes of the journal frames decoded", "venue")
        self.control = counter("control_frames", "Frames that carry no market event", "venue")
        self.quarantined = counter("quarantined_frames", "Frames nobody could understand; kept", "venue")
        self.events = counter("events", "Market events by kind", "kind")
        self.gaps = counter("gaps", "Intervals in which something may be missing", "reason")
        self.bars = counter("bars", "Bars that became final or were corrected")
        self.books = gauge("books", "Order books by state", "state")
        self.journal_durable = gauge("journal_durable_offset", "Offset before which the journal is on disk")
        self.engine_position = gauge("engine_offset", "Offset of the next frame the engine will take")
        self.store_position = gauge("store_offset", "Offset before which the store is complete")
        self.offset_lag = gauge("engine_lag_frames", "Durable frames that the engine has not taken yet")
        self.store_rows = counter("store_rows", "Rows written to the store", "table")
        self.store_flush = Histogram(
            "breadboard_store_flush_seconds",
            "Time to write one batch to the store",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._shown_out = counter(
            "http_shown_out",
            "Connections refused for want of room, closed for others, or late with what they began",
            "how",
        )
        self.ws_clients = gauge("ws_clients", "WebSocket clients connected")
        self.ws_frames = counter("ws_frames", "Messages sent to WebSocket clients")
        self.ws_slow = counter("ws_slow_clients", "WebSocket clients cut because they did not read")
        self.conflated = counter("ws_conflated_updates", "Updates that a newer one replaced before a client was due")
        self.skipped = counter("ws_skipped_trades", "Trades left out of WebSocket messages; each message says how many")

    def position(self, durable: int, engine: int, store: int) -> None:
        """Set where the journal, the engine and the store are, as journal offsets."""
        self.journal_durable.set(durable)
        self.engine_position.set(engine)
        self.store_position.set(store)
        self.offset_lag.set(durable - engine)

    def show_out(self, how: str) -> None:
        """Count a connection that had to go: ``refused``, closed ``for_others``, or ``late``."""
        self._shown_out.labels(how).inc()

    def exposition(self) -> bytes:
        """Return everything in Prometheus text format (``CONTENT_TYPE``)."""
        return generate_latest(self._registry)
