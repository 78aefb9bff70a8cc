"""One file per resource of ``/api/v1``; each has a ``router(services, pool)``."""
