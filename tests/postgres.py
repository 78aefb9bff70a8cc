"""A PostgreSQL of Debian's for the length of the tests: in a directory of its own, on a socket in it and no port."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REQUIRED = bool(os.environ.get("BREADBOARD_REQUIRE_SERVERS"))


def programs() -> Path | None:
    """Return where ``initdb`` and ``postgres`` are; None where they are not."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    places = [*([Path(on_path).resolve().parent] if on_path else []), *reversed(known)]
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """Start one, and give a URL that lacks the name of a database. Skips (or fails, where required) without it."""
    bin_ = programs()
    if bin_ is None:
        assert not REQUIRED, "there is no PostgreSQL, and BREADBOARD_REQUIRE_SERVERS is set: make servers"
        pytest.skip("there is no PostgreSQL: make servers")
    home = Path(tempfile.mkdtemp(prefix="bb-pg-"))  # short: the name of a socket has 107 characters
    user = pwd.getpwnam("postgres") if os.getuid() == 0 else None  # it refuses to run as root
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)

    def run(program: str, *words: object) -> None:
        ids = (user.pw_uid, user.pw_gid) if user is not None else (None, None)
        command = [str(bin_ / program), "-D", str(home / "data"), *map(str, words)]
        groups = () if user is not None else None
        subprocess.run(
            command, cwd=home, stdout=subprocess.DEVNULL, check=True, user=ids[0], group=ids[1], extra_groups=groups
        )

    try:
        run("initdb", "-U", "me", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={home} -c fsync=off -c max_connections=30"
        run("pg_ctl", "-w", "-l", home / "log", "-o", options, "start")
        try:
            yield f"postgresql://me@/{{}}?host={home}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
