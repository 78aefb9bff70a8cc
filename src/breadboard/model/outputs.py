"""What the engine hands on: everything concluded from one run of journal offsets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.alerts import ALERT, RuleVersion
from breadboard.model.anomalies import ANOMALY
from breadboard.model.executions import PAPER_FILL
from breadboard.model.features import FEATURE
from breadboard.model.gaps import Gap
from breadboard.model.nbbo import NBBO, Group
from breadboard.model.opportunities import OPPORTUNITY
from breadboard.model.tape import Tape

_NO_NBBO: Final = np.zeros(0, NBBO)
_NO_FEATURES: Final = np.zeros(0, FEATURE)
_NO_ANOMALIES: Final = np.zeros(0, ANOMALY)
_NO_OPPORTUNITIES: Final = np.zeros(0, OPPORTUNITY)
_NO_PAPER_FILLS: Final = np.zeros(0, PAPER_FILL)
_NO_ALERTS: Final = np.zeros(0, ALERT)
_NO_TIMES: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything concluded from journal offsets ``first <= offset < end``."""

    first: int
    end: int
    tape: Tape
    """Events in journal order, flags complete (provenance, duplicates)."""
    bars: NDArray[np.void]
    """``BAR`` rows: bars that became final or were corrected here."""
    gaps: tuple[tuple[int, int, Gap], ...]
    """``(offset, instrument, gap)``: the journal's gap records, and gaps the stages found; -1 is feed-wide."""
    ts_journal: NDArray[np.int64]
    """Per tape row, wall ns at which its frame was appended."""
    details: Mapping[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)
    """By ``(offset, index)``, what a STATUS row says in the venue's own words."""
    streams: Mapping[str, NDArray[np.void]] = field(default_factory=dict)
    """By name, the rows of stages that are switched on by configuration; each has an ``offset``."""
    groups: tuple[Group, ...] = ()
    """What the rows of the stream ``nbbo`` speak of; the same in all outputs of a run."""
    rules: tuple[RuleVersion, ...] = ()
    """What the rows of the stream ``alerts`` speak of; grows when rules are edited."""
    ts_bars: NDArray[np.int64] = field(default_factory=lambda: _NO_TIMES)
    """Per row of ``bars``, the ``ts_recv`` of the record that concluded it (ns UTC): a trade, our clock, a document."""

    @property
    def nbbo(self) -> NDArray[np.void]:
        """``NBBO`` rows, in journal order: changes of the best bid and offer of ``groups``."""
        return self.streams.get("nbbo", _NO_NBBO)

    @property
    def features(self) -> NDArray[np.void]:
        """``FEATURE`` rows of windows that were closed here."""
        return self.streams.get("features", _NO_FEATURES)

    @property
    def anomalies(self) -> NDArray[np.void]:
        """``ANOMALY`` rows that were concluded here, in journal order."""
        return self.streams.get("anomalies", _NO_ANOMALIES)

    @property
    def opportunities(self) -> NDArray[np.void]:
        """``OPPORTUNITY`` rows: what opened, changed and closed here."""
        return self.streams.get("opportunities", _NO_OPPORTUNITIES)

    @property
    def paper_fills(self) -> NDArray[np.void]:
        """``PAPER_FILL`` rows: what came of orders on paper."""
        return self.streams.get("paper_fills", _NO_PAPER_FILLS)

    @property
    def alerts(self) -> NDArray[np.void]:
        """``ALERT`` rows, in journal order."""
        return self.streams.get("alerts", _NO_ALERTS)
