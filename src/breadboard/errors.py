"""Every error raised on purpose.

BreadboardError                 one sentence, a hint that can be pasted, an exit code
├── UsageError                  the command or configuration is wrong (exit 2)
├── JournalError                the journal cannot be written or read
│   ├── JournalLocked           another process writes it
│   └── JournalDamaged          bytes fail their checksum; nothing was changed
├── FeedError                   a venue refused, or its conversation broke
├── StoreError                  the store cannot be opened, written or asked
│   └── QueryRefused            the text is not a read-only query of our tables (exit 2)
└── NotRunning                  a command needs `breadboard up` (exit 1)
"""

INTERRUPTED = 130
"""Exit code after Ctrl-C, also where everything ended cleanly: whoever called us asked for more than that."""


class BreadboardError(Exception):
    """An error for people: one sentence naming the thing and its value, and a hint that can be pasted.

    ``transient`` says whether trying again later may help; ``exit_code`` is what the command line returns.
    """

    exit_code = 1

    def __init__(self, sentence: str, *, hint: str = "", transient: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.transient = transient


class UsageError(BreadboardError):
    """The command or the configuration is wrong."""

    exit_code = 2


class JournalError(BreadboardError):
    """The journal cannot be written or read."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class JournalDamaged(JournalError):
    """Journal bytes fail their checksum; nothing was changed."""


class FeedError(BreadboardError):
    """A venue refused, or its conversation broke."""


class StoreError(BreadboardError):
    """The store cannot be opened, written or asked."""


class QueryRefused(StoreError):
    """The text is not one read-only query of our tables."""

    exit_code = 2


class NotRunning(BreadboardError):
    """The command needs a running `breadboard up`."""
