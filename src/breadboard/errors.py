"""Every error raised on purpose.

BreadboardError                 one sentence, a hint that can be pasted, an exit code
├── UsageError                  the command or configuration is wrong (exit 2)
│   ├── Unknown                 there is no such thing, or none that is this person's to see
│   ├── Forbidden               it belongs to somebody else
│   ├── Taken                   something else stands in the way
│   └── Outdated                it is no longer as it was when it was read
├── JournalError                the journal cannot be written or read
│   ├── JournalLocked           another process writes it
│   └── JournalDamaged          bytes fail their checksum; nothing was changed
├── FeedError                   a venue refused, or its conversation broke
├── StoreError                  the store cannot be opened, written or asked
│   └── QueryRefused            the text is not a read-only query of our tables (exit 2)
├── SettingsError               what people have set cannot be read or written
├── Busy                        what was asked for has to wait for something else
├── TookTooLong                 what was asked for was given up on
├── NotRunning                  a command needs `breadboard up` (exit 1)
└── client.errors.ClientError   a question to a server that got no answer; its tree is drawn there
"""

import errno
from typing import Final

INTERRUPTED = 130
"""Exit code after Ctrl-C, also where everything ended cleanly: whoever called us asked for more than that."""


PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
"""Of what a disk says, what may be over when it is asked again."""


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


class Unknown(UsageError):
    """There is no such thing, or none that is this person's to see: the two are told in the same words."""


class Forbidden(UsageError):
    """It belongs to somebody else."""


class Taken(UsageError):
    """Something else stands in the way: a name that is taken, a thing that is needed."""


class Outdated(UsageError):
    """It is no longer as it was when whoever changes it read it."""


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


class SettingsError(BreadboardError):
    """What people have set cannot be read or written: their database is away, refuses, or is damaged."""


class Busy(BreadboardError):
    """What was asked for has to wait for something else, and nobody waits in a queue here."""


class TookTooLong(BreadboardError):
    """What was asked for took longer than it may, and was given up on."""


class NotRunning(BreadboardError):
    """The command needs a running `breadboard up`."""
