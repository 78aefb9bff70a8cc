"""How the serving process ends where its store can be written no more: by itself, at once, and with a sentence."""

import subprocess
import sys
from pathlib import Path

import msgspec

from breadboard.app.places import Places
from breadboard.journal import Writer
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import Provenance, RecordKind
from scenarios.house import free_port

TS = 1_700_000_000_000_000_000
TRADE = (
    b'{"stream":"x@trade","data":{"e":"trade","E":1700000000000,"s":"X","t":1,"p":"2","q":"1","T":1700000000000,'
    b'"m":true,"M":true}}'
)
SCRIPT = """
import sys
from breadboard.app import serve
from breadboard.cli import _told
from breadboard.config import ApiConfig, Config
from breadboard.errors import StoreError
from breadboard.store.clickhouse import ClickHouseStore

def write(self, table, rows, token):
    raise StoreError(f"writing {rows.num_rows} rows to {table}: the table is read-only")

ClickHouseStore.write = write
try:
    serve.run(Config(data_dir=sys.argv[1], api=ApiConfig(port=int(sys.argv[2]))))
except Exception as error:
    sentence, _hint, code = _told(error)
    print("error:", sentence, file=sys.stderr)
    sys.exit(code)
"""


def test_a_store_that_is_broken_ends_the_process_though_the_market_has_fallen_silent(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    writer = Writer.open(places.journal)
    epoch = Epoch(0, 1, "BINANCE", "", ("X",), Provenance.SYNTHETIC, open=True)
    for kind, body in ((RecordKind.EPOCH, msgspec.json.encode(epoch)), (RecordKind.DATA, TRADE)):
        end = writer.append(kind, 0, 1, [body], [TS], 0)
    writer.sync(end, 30)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    writer.close()
    assert done.returncode == 1, done.stderr
    assert "the store's writer broke behind offset 0" in done.stderr
    assert done.stderr.rstrip().endswith("rows to instruments: the table is read-only")
    assert done.stderr.count("Traceback") == 1, "told in whole once"
