"""The terminal's files: what a browser may keep, what they may do, and what is said where they were not built."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import patient
from breadboard.api import live_files, problems
from breadboard.api.server import running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    home = tmp_path / "_ui"
    (home / "assets").mkdir(parents=True)
    (home / "index.html").write_text("<!doctype html><title>T</title>", encoding="utf-8")
    (home / "assets/index-Ab12.js").write_text("export {};", encoding="utf-8")
    (home / "THIRD_PARTY_NOTICES.txt").write_text("theirs", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    with _serving(home) as client:
        yield client


@contextmanager
def _serving(home: Path) -> Iterator[httpx.Client]:
    app = FastAPI()
    problems.install(app)
    app.include_router(live_files.router(home))
    with running(app) as address, patient.Client(base_url=address) as client:
        yield client


def test_the_page_is_asked_for_anew_and_its_parts_are_kept_for_ever(client: httpx.Client) -> None:
    page, part, notices = (
        client.get(path) for path in ("/live/", "/live/assets/index-Ab12.js", "/live/THIRD_PARTY_NOTICES.txt")
    )
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert page.headers["content-type"].startswith("text/html")
    assert part.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert part.headers["content-type"].startswith("text/javascript")
    assert (notices.text, notices.headers["cache-control"]) == ("theirs", "no-cache")


def test_the_page_may_run_its_own_code_and_talk_to_its_own_server_only(client: httpx.Client) -> None:
    policy = client.get("/live/").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == "'self'"


def test_without_a_slash_it_is_sent_to_the_page(client: httpx.Client) -> None:
    answer = client.get("/live")
    assert (answer.status_code, answer.headers["location"]) == (308, "/live/")


@pytest.mark.parametrize("name", ["%2e%2e/secret.txt", "assets/%2e%2e/%2e%2e/secret.txt", "assets", "none.js"])
def test_nothing_outside_of_it_and_no_directory_is_shown(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/live/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


def test_where_it_is_not_built_one_page_says_how_to_build_it(tmp_path: Path) -> None:
    with _serving(tmp_path / "none") as client:
        answer = client.get("/live/")
    assert answer.status_code == 503
    assert "make setup" in answer.text
    assert answer.headers["cache-control"] == "no-store"
