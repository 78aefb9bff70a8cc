"""Certificates that a test makes for itself: an authority of its own, and what that has signed."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

REQUIRED = bool(os.environ.get("BREADBOARD_REQUIRE_SERVERS"))
_EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]


@dataclass(frozen=True)
class Pair:
    """PEM files."""

    authority: Path
    cert: Path
    """With the authority's own behind it, as authorities give them out."""
    key: Path

    @property
    def tls(self) -> tuple[str, str]:
        return str(self.cert), str(self.key)


def signed(home: Path, host: str) -> Pair:
    """Return a certificate for ``host``. Skips (or fails, where required) without the program that makes one."""
    home.mkdir(parents=True, exist_ok=True)
    files = Pair(home / "authority.pem", home / "desk.pem", home / "desk.key")
    authority_key = home / "authority.key"
    new = ["req", "-x509", "-nodes", "-days", "2", *_EC]
    _openssl(*new, "-subj", "/CN=Test", "-keyout", authority_key, "-out", files.authority)
    names = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}", "-addext", "basicConstraints=CA:FALSE"]
    by = ["-CA", files.authority, "-CAkey", authority_key]
    _openssl(*new, *by, *names, "-keyout", files.key, "-out", files.cert)
    files.cert.write_text(files.cert.read_text() + files.authority.read_text())
    return files


def locked(key: Path) -> Path:
    """Return a copy of a key that needs a passphrase."""
    found = key.with_suffix(".locked")
    _openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", found)
    return found


def _openssl(*words: object) -> None:
    if shutil.which("openssl") is None:
        assert not REQUIRED, "there is no openssl, and BREADBOARD_REQUIRE_SERVERS is set: make servers"
        pytest.skip("there is no openssl: make servers")
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
