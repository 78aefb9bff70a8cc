"""Where every thread of a process stands: told on request, at a crash, and before a process that hangs is ended."""

import asyncio
import faulthandler
import signal
import sys
import sysconfig
import threading
from typing import Final

HANGS_S: Final = 60.0
"""Nothing that an event loop does itself takes a thousandth of this; to load and compile what a first request needs may
take a slow machine seconds."""
DISK_HANGS_S: Final = 600.0
"""The same where the loop waits for a disk, with no room left in memory: what waits is lost with the process."""
_CRASHES: Final = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")


def tell_on_request() -> None:
    """Write every thread's stack to stderr on SIGUSR1, which changes nothing, and when native code crashes."""
    told = sys.__stderr__ or sys.stderr
    faulthandler.enable(file=told)
    faulthandler.register(signal.SIGUSR1, file=told)


def own_crashes() -> None:
    """Have a crash of native code end the process, with every thread's stack on stderr before.

    To be called when an embedded ClickHouse has been connected to, in the main thread (in another it does nothing): it
    takes these signals when it is loaded and once more at its first connection (and SIGTSTP, so that Ctrl-Z does
    nothing). Its handler waits for ever in the thread that crashed: a process goes on without its engine then, or,
    where that thread has the interpreter, stands still, and nobody starts it again.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    faulthandler.disable()  # it puts back what it found
    for name in (*_CRASHES, "SIGTSTP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    faulthandler.enable(file=sys.__stderr__ or sys.stderr)


IS_WATCHED: Final = bool(sysconfig.get_config_var("HAVE_SEM_CLOCKWAIT"))
"""Else a clock that is put forward by a minute would be taken for a loop that stands still."""


class Watchdog:
    """Ends the process with code 1 when its event loop stands still, and says first where its threads do.

    For a process that somebody starts again. The one who waits is a thread of C that needs no interpreter: it ends also
    a process whose interpreter is held for ever. Time in which the machine sleeps does not count, and no step of its
    clock, where Python has ``sem_clockwait`` (glibc 2.30); elsewhere nobody is watched. Time in which the process alone
    is stopped counts. One a process.
    """

    def __init__(self, hangs_s: float = HANGS_S) -> None:
        self._hangs_s = hangs_s
        self._next: asyncio.TimerHandle | None = None

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch this loop from now on. Called in its thread."""
        if not IS_WATCHED:
            return
        faulthandler.dump_traceback_later(self._hangs_s, exit=True)
        self._next = loop.call_later(self._hangs_s / 12, self.watch, loop)

    def end(self) -> None:
        """Stop watching."""
        if self._next is not None:
            self._next.cancel()
        faulthandler.cancel_dump_traceback_later()
