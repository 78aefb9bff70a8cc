"""httpx with a test's patience: its own five seconds are over on a busy machine, and that is no defect."""

from functools import partial
from typing import Final

import httpx

PATIENCE_S: Final = 60.0

Client = partial(httpx.Client, timeout=PATIENCE_S)
get = partial(httpx.get, timeout=PATIENCE_S)
post = partial(httpx.post, timeout=PATIENCE_S)
put = partial(httpx.put, timeout=PATIENCE_S)
request = partial(httpx.request, timeout=PATIENCE_S)
