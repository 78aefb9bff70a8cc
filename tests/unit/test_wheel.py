"""What is in the wheel: the package with its built terminal and whose code that is, and nothing that lies beside it."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BESIDES = {"py.typed", "dashboard/icon.svg", "dashboard/.streamlit/config.toml"}
"""What the package has besides its code and its terminal."""
LOOK = """
from pathlib import Path
import breadboard
from breadboard.api import live_files
print(Path(breadboard.__file__).parent, live_files.built(), (live_files.built() / "index.html").is_file())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Built as `pip` would, by the hook in ``hatch_build.py``; a terminal that is there and fresh is taken as it is."""
    out = tmp_path_factory.mktemp("wheel")
    made = subprocess.run(
        [Path(sys.executable).parent / "uv", "build", "--quiet", "--wheel", "--out-dir", out, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    (found,) = out.glob("*.whl")
    with zipfile.ZipFile(found) as opened:
        yield opened


def test_the_wheel_has_the_package_and_nothing_that_lies_beside_it(wheel: zipfile.ZipFile) -> None:
    package, about = set[str](), set[str]()
    for name in wheel.namelist():
        home, _, rest = name.partition("/")
        (package if home == "breadboard" else about).add(rest if home == "breadboard" else name)
    assert {re.sub(r"^breadboard-[\w.]+\.dist-info/", "", name) for name in about} == {
        *("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    source = ROOT / "src/breadboard"
    assert {name for name in package if name.endswith(".py")} == {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if path.relative_to(source).parts[0] != "_ui"
    }
    assert {name for name in package if not name.endswith(".py") and not name.startswith("_ui/")} == BESIDES
    for name in package:
        assert not re.search(
            r"node_modules|(^|/)tests?[/_]|\.test\.|__pycache__|\.map$|\.tsx?$|package.*\.json", name
        ), name


def test_the_terminal_is_in_it_with_every_file_that_it_asks_for_and_whose_code_it_holds(wheel: zipfile.ZipFile) -> None:
    names = {name.removeprefix("breadboard/_ui/") for name in wheel.namelist() if name.startswith("breadboard/_ui/")}
    assert {"index.html", "embed.js", "THIRD_PARTY_NOTICES.txt"} <= names
    page = wheel.read("breadboard/_ui/index.html").decode()
    asked = set(re.findall(r'(?:src|href)="(?:\./|/live/)?(assets/[^"]+)"', page))
    assert {name.rpartition(".")[2] for name in asked} == {"js", "css"}
    assert asked <= names
    notices = wheel.read("breadboard/_ui/THIRD_PARTY_NOTICES.txt").decode()
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    used = [
        f"{place.rpartition('node_modules/')[2]} {package['version']} ("
        for place, package in lock["packages"].items()
        if place and not (package.get("dev") or package.get("optional"))
    ]
    assert len(used) > 1
    assert [title for title in used if f"\n{title}" not in notices] == []


def test_nothing_in_it_tells_of_the_machine_that_built_it(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        content = wheel.read(name)
        for told in (str(ROOT), str(Path.home()) + "/", sys.prefix):
            assert told.encode() not in content, (name, told)
        if "/_ui/" in name:
            assert b"sourceMappingURL" not in content, name
            assert not re.search(rb"file://|[\"'`](/home|/Users|/tmp)/|registry\.npmjs", content), name


def test_an_installed_wheel_finds_its_terminal(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    looked = subprocess.run(
        [sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    home = tmp_path / "breadboard"
    assert looked.stdout.split() == [str(home), str(home / "_ui"), "True"]
