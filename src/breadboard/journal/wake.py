"""A sleep on a word of HEAD that ends as soon as the writer has moved it, in whichever process: Linux's futex.

Waiting costs nothing and waking a microsecond, where looking every millisecond costs a reader half of one on average
and a twentieth of a core. The kernel looks at the word again before it lets a waiter sleep, so no wake-up is missed.
Elsewhere than on Linux a waiter looks every millisecond.
"""

import ctypes
import errno
import platform
import sys
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

LOOK_EVERY_S: Final = 0.001
"""How often a waiter looks where nobody can wake it."""
_CALLS: Final = {"x86_64": 202, "aarch64": 98}
"""The number of the system call ``futex``, which the C library does not offer by name."""
_CALL: Final = _CALLS.get(platform.machine(), 0) if sys.platform == "linux" else 0
_WAIT, _WAKE = 0, 1
_ENDS: Final = frozenset({errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT})
"""How a wait ends but for being woken: the word had moved, a signal came, the time was up."""
_EVERYBODY: Final = 2**31 - 1
_LOW_HALF: Final = 0 if sys.byteorder == "little" else 4
"""A futex is 32 bits wide; those of an offset that change are its low ones."""
# A waiter lets other threads run meanwhile. Who wakes does not: giving the interpreter away costs more than the call.
_waiting: Final = ctypes.CDLL(None, use_errno=True).syscall if _CALL else None
_waking: Final = ctypes.PyDLL(None).syscall if _CALL else None


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def wait(word: NDArray[np.int64], value: int, timeout_s: float) -> None:
    """Return when ``word[0]`` is no longer ``value``, at the latest after ``timeout_s``; may return too early."""
    if _waiting is None:
        time.sleep(max(0.0, min(timeout_s, LOOK_EVERY_S)))
        return
    whole = int(timeout_s)
    limit = _Timespec(whole, int((timeout_s - whole) * 1e9))
    address = ctypes.c_void_p(word.ctypes.data + _LOW_HALF)
    refused = _waiting(_CALL, address, _WAIT, ctypes.c_uint32(value & 0xFFFFFFFF), ctypes.byref(limit), None, 0)
    if refused and ctypes.get_errno() not in _ENDS:
        time.sleep(max(0.0, min(timeout_s, LOOK_EVERY_S)))  # a sandbox without it


def wake(word: NDArray[np.int64]) -> None:
    """Wake everybody who waits for ``word[0]`` to change, in every process that maps the same file."""
    if _waking is not None:
        _waking(_CALL, ctypes.c_void_p(word.ctypes.data + _LOW_HALF), _WAKE, _EVERYBODY, None, None, 0)
