"""`breadboard up`, with nothing configured and on every address: what listens where, and who is served."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from breadboard.cli import run

LISTENS = "0A"


@contextmanager
def up(data: Path, *words: object) -> Iterator[int]:
    """Run it until it answers, and give its process id."""
    command = [sys.executable, "-m", "breadboard", "up", "--json", "--data-dir", str(data), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["pid"] == process.pid
            yield process.pid
        finally:
            process.terminate()
            process.communicate(timeout=90)


def children(pid: int) -> set[int]:
    found = {pid}
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in path.read_text(encoding="ascii").split():
            found |= children(int(word))
    return found


def listening(pids: set[int]) -> list[str]:
    """Return the addresses on which these processes listen, as the kernel has them."""
    inodes = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            name = str(handle.readlink()) if handle.is_symlink() else ""
            if name.startswith("socket:["):
                inodes.add(name[8:-1])
    found = []
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and fields[9] in inodes:
                raw = bytes.fromhex(fields[1].partition(":")[0])
                words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
                found.append(socket.inet_ntop(family, words))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_s1_with_nothing_configured_everything_listens_on_loopback_alone(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--port", free_port()) as pid:
        found = listening(children(pid))
    assert len(found) >= 3, "the API and two simulated venues"
    assert set(found) == {"127.0.0.1"}


def test_s1_on_every_address_nothing_starts_without_a_key_and_nobody_is_served_without_one(tmp_path: Path) -> None:
    data, config, port = tmp_path / "data", tmp_path / "breadboard.toml", free_port()
    config.write_text(f'[api]\nhost = "0.0.0.0"\nport = {port}\nhosts = ["desk.example.com"]\n')
    words = ["up", "--config", str(config), "--data-dir", str(data)]
    refused = subprocess.run([sys.executable, "-m", "breadboard", *words], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        "error: '0.0.0.0' can be reached from elsewhere, and there is no API key that holds",
        f"hint: breadboard keys add NAME --scope read --days 90 --data-dir {data}",
    ]
    given = ["keys", "add", "ada", "--json", "--data-dir", str(data)]
    made = subprocess.run([sys.executable, "-m", "breadboard", *given], capture_output=True, text=True, check=True)
    key = json.loads(made.stdout)["key"]
    with up(data, "--config", config) as pid:
        assert "0.0.0.0" in listening(children(pid))
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        shown = {"Authorization": f"Bearer {key}"}
        assert client.get("/health").status_code == 200
        assert client.get("/api/v1/stocks").status_code == 401
        assert client.get("/api/v1/stocks", headers=shown).status_code == 200
        assert client.get("/api/v1/stocks", headers=shown | {"Host": "desk.example.com"}).status_code == 200
        assert client.get("/api/v1/stocks", headers=shown | {"Host": "evil.example"}).status_code == 403
        # Commands here need no key of their own.
        assert run(["sql", "select 1 as one", "--data-dir", str(data)]) == 0
        number = key.split("_")[1]
        assert run(["keys", "revoke", number, "--data-dir", str(data)]) == 0
        deadline = time.monotonic() + 120
        while client.get("/api/v1/status", headers=shown).status_code != 401:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        client.close()
    logs = "".join(path.read_text() for path in (data / "run").glob("*.log"))
    assert key.split("_", 2)[2] not in logs, "a secret may have underscores of its own"
