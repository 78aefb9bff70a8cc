"""What a simulator does wrong on purpose."""

from dataclasses import dataclass

from breadboard.errors import UsageError


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults on demand; 0 means never."""

    disconnect: float = 0.0
    """Cut each connection after about this many seconds (half to one and a half of it, drawn from the seed)."""
    drop_depth: int = 0
    """Withhold every so-many-th book message of a connection."""
    mute: float = 0.0
    """After this many seconds a connection sends no more data; pings are answered."""


def parse_faults(text: str) -> Faults:
    """Read ``disconnect:30,drop-depth:100,mute:20``. Raises UsageError naming the word that is wrong."""
    given = dict.fromkeys(("disconnect", "drop-depth", "mute"), 0.0)
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = word.partition(":")
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        least = 1 if name == "drop-depth" else 1e-3
        if name not in given or not least <= number < 1e9:
            raise UsageError(
                f"--faults does not know {word!r}; it takes {', '.join(given)}, each with a number, e.g. mute:20",
                hint="breadboard sim binance --faults disconnect:30,drop-depth:100",
            )
        given[name] = number
    return Faults(given["disconnect"], int(given["drop-depth"]), given["mute"])
