"""The alert rules of a data directory, for processes at their start: where there is no database, none is loaded.

What people change, they change at the desk.
"""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from breadboard.app.places import Places
from breadboard.config import Config
from breadboard.config_file import read_rules
from breadboard.engine.rule_conditions import refuse_stars, verify, verify_for
from breadboard.errors import BreadboardError
from breadboard.model.rules import RuleSet

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0
"""How often it is looked whether capture has been left word of what the database says: others may write there."""
_PATIENCE_S: Final = 5.0
"""How long recording waits for the rules at its start. Without them it goes on with those of last time."""


def verified(config: Config, places: Places) -> RuleSet:
    """Return the configuration's own rules, checked to the last expression. Raises UsageError."""
    verify_for(config.rules, f"the rules of {places.root}", config.engine)
    refuse_stars(config.rules, f"the rules of {places.root}")
    return config.rules


def wanted(config: Config, places: Places) -> RuleSet:
    """Return the rules that are wanted here. Raises BreadboardError.

    Those of the database are as they were written, whether or not they can be followed with this configuration.
    """
    own = verified(config, places)
    if not stored(config, places):
        return own
    from breadboard.app import desk

    return desk.at(config, places, lambda here: here.wanted.ruleset())


def left_out(config: Config, places: Places) -> tuple[str, ...]:
    """Return why rules of the database cannot be followed here, a sentence each. Raises BreadboardError."""
    verified(config, places)
    if not stored(config, places):
        return ()
    from breadboard.app import desk

    return desk.at(config, places, lambda here: here.wanted.followed()).left_out


def publish(config: Config, places: Places) -> tuple[str, ...]:
    """Leave word for capture of the rules that can be followed; nothing where there never were any.

    Returns why others cannot. Raises BreadboardError, also where the database is away: what was left last time stays.
    """
    if not stored(config, places):
        body = verified(config, places).encoded()
        before = places.rules.read_bytes() if places.rules.exists() else None
        if body != before and (config.rules.rules or before is not None):
            places.write_rules(body)
        return ()
    from breadboard.app import desk

    return desk.at(config, places, lambda here: here.wanted.publish()).left_out


class Publisher:
    """Leaves word for capture whenever there is news, whoever wrote it. Never raises: recording goes on without it."""

    def __init__(self, config: Config, places: Places) -> None:
        self._config = config
        self._places = places
        self._mark: tuple[int, int, int] | None = None
        self.reasons: tuple[str, ...] = ()
        """What status tells: rules that are left out, and that nobody can look."""

    def look(self) -> bool:
        """Leave word where there is news, and tell whether that could be found out."""
        mark = self._file()
        if mark is not None and mark == self._mark:
            return True
        try:
            found = publish(self._config, self._places)
        except (BreadboardError, OSError) as error:
            # Status is for everybody who may read: why, which says where, is for who runs it.
            self._tell(("the rules cannot be looked up, and those of last time hold",), f": {error}")
            return False
        except Exception:  # whatever it is, it must not keep capture from recording
            reason = "the rules cannot be read by this version, and those of last time hold"
            if reason not in self.reasons:  # it is looked every few seconds
                log.exception("%s", reason)
            self.reasons = (reason,)
            return False
        self._mark = mark
        self._tell(found)
        return True

    def begin(self, ended: threading.Event) -> None:
        """Look in a thread until that succeeds once, and wait for the first time, if not for long."""
        looked = threading.Event()

        def until_done() -> None:
            while not self.look():
                looked.set()
                if ended.wait(LOOK_EVERY_S):
                    return
            looked.set()

        threading.Thread(target=until_done, name="rules", daemon=True).start()
        if not looked.wait(_PATIENCE_S):
            log.warning("the rules are still looked up, and meanwhile those of last time hold")

    def keep(self, ended: threading.Event) -> None:
        """Look every few seconds until ``ended``. For a thread."""
        while not ended.wait(LOOK_EVERY_S):
            self.look()

    def _tell(self, reasons: tuple[str, ...], why: str = "") -> None:
        for reason in reasons:
            if reason not in self.reasons:
                log.warning("%s%s", reason, why)
        self.reasons = reasons

    def _file(self) -> tuple[int, int, int] | None:
        """Return what tells one state of our own database from another; None for a database that others have."""
        if self._config.settings.url:
            return None
        try:
            stat = self._places.settings.stat()
        except OSError:
            return 0, 0, 0  # nobody has made one
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


def check(path: Path, features: Iterable[str]) -> RuleSet:
    """Return the rules of a file, checked to the last expression. Raises UsageError."""
    ruleset = read_rules(path)
    verify(ruleset, str(path), tuple(features))
    refuse_stars(ruleset, str(path))
    return ruleset


def stored(config: Config, places: Places) -> bool:
    """Tell whether there may be a database to look into."""
    return bool(config.settings.url) or places.settings.exists()
