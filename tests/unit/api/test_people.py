"""Watchlists, rules and keys over REST, and how often one may ask."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import patient
from breadboard.client import Client, Outdated
from breadboard.config import ApiConfig
from breadboard.model.rules import Rule, RuleSet
from unit.api.keyed import Served, served

LOCAL = ApiConfig()
RISE = {"kind": "rise", "threshold": 2.5, "window": "5m", "symbols": ["@majors"]}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Served]:
    configured = RuleSet((Rule(name="fixed", kind="gap"),), {"venue": ("*.BINANCE",)})
    with served(tmp_path, LOCAL, rules=configured) as server:
        yield server


@pytest.fixture
def client(here: Served) -> Iterator[httpx.Client]:
    with here.client() as client:  # on loopback, without a key
        yield client


def wanted(here: Served) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(here.places.rules.read_bytes())
    return found


def test_watchlists_are_written_read_and_forgotten(here: Served, client: httpx.Client) -> None:
    written = client.put("/api/v1/watchlists/majors", json={"symbols": ["BTCUSDT.BINANCE", "*.KRAKEN"]})
    expected = {
        "name": "majors",
        "symbols": ["BTCUSDT.BINANCE", "*.KRAKEN"],
        "from": "database",
        "changed": "2023-11-14T22:13:20.000000000Z",
    }
    assert (written.status_code, written.json()) == (200, expected)
    configured = {"name": "venue", "symbols": ["*.BINANCE"], "from": "configuration", "changed": None}
    assert client.get("/api/v1/watchlists").json() == {"data": [expected, configured]}
    assert wanted(here)["watchlists"] == {"venue": ["*.BINANCE"], "majors": ["BTCUSDT.BINANCE", "*.KRAKEN"]}
    gone = client.delete("/api/v1/watchlists/majors")
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get("/api/v1/watchlists/majors").status_code == 404
    assert client.delete("/api/v1/watchlists/venue").status_code == 409


def test_a_rule_is_written_changed_and_removed_and_capture_is_left_word(here: Served, client: httpx.Client) -> None:
    client.put("/api/v1/watchlists/majors", json={"symbols": ["BTCUSDT.BINANCE"]})
    first = client.put("/api/v1/rules/btc up", json={"rule": RISE}).json()
    assert (first["number"], first["sentence"]) == (
        1,
        "Tell me when the price of any of majors rises 2.5 % or more above its lowest within 5m.",
    )
    assert first["rule"] == {"name": "btc up", **RISE}
    here.clock.advance(10**9)
    second = client.put("/api/v1/rules/btc up", json={"rule": {**RISE, "threshold": 3}}).json()
    assert second["version"] != first["version"]
    again = client.put("/api/v1/rules/btc up", json={"rule": {**RISE, "threshold": 3}}).json()
    assert again["number"] == 2, "the same words are no new version"
    assert [rule["name"] for rule in wanted(here)["rules"]] == ["fixed", "btc up"]
    one = client.get("/api/v1/rules/btc up").json()
    assert [(old["number"], old["rule"]["threshold"], old["changed"]) for old in one["history"]] == [
        (1, 2.5, "2023-11-14T22:13:20.000000000Z"),
        (2, 3, "2023-11-14T22:13:21.000000000Z"),
    ]
    listed = client.get("/api/v1/rules").json()["data"]
    assert [(rule["name"], rule["number"], rule["from"]) for rule in listed] == [
        ("btc up", 2, "database"),
        ("fixed", None, "configuration"),
    ]
    in_the_way = client.delete("/api/v1/watchlists/majors")
    assert (in_the_way.status_code, in_the_way.json()["detail"]) == (409, "a rule watches 'majors'")
    assert client.delete("/api/v1/rules/btc up").status_code == 204
    assert client.get("/api/v1/rules/btc up").status_code == 404
    assert [rule["name"] for rule in wanted(here)["rules"]] == ["fixed"]


def test_a_rule_says_whether_it_is_left_out_and_of_each_edition_whether_it_was_removed(client: httpx.Client) -> None:
    rule = {"kind": "gap"}
    client.put("/api/v1/rules/gone", json={"rule": rule})
    client.delete("/api/v1/rules/gone")
    client.put("/api/v1/rules/gone", json={"rule": rule})
    one = client.get("/api/v1/rules/gone").json()
    assert one["left_out"] is None
    assert [(old["number"], old["removed"]) for old in one["history"]] == [(1, False), (2, True), (3, False)]
    assert client.get("/api/v1/rules/fixed").json()["left_out"] is None
    refused = client.put("/api/v1/rules/odd", json={"rule": {"kind": "anomaly"}})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "this: rule 'odd' is over anomalies, which nobody looks for"
    assert refused.json()["hint"] == '[engine] anomalies = ["all"]'


def test_what_people_set_takes_no_parameters_in_the_query(client: httpx.Client) -> None:
    for path in ("rules", "watchlists", "keys", "rules/fixed"):
        answer = client.get(f"/api/v1/{path}?x=1")
        assert (answer.status_code, answer.json()["hint"]) == (422, "it takes none"), path
    client.put("/api/v1/watchlists/w?x=1", json={"symbols": ["A.SIM"]})
    assert client.get("/api/v1/watchlists/w").status_code == 404, "nothing was written"


def test_who_changes_a_watchlist_that_another_has_changed_is_told_and_changes_nothing(
    here: Served, client: httpx.Client
) -> None:
    place = "/api/v1/watchlists/my list"
    client.put(place, json={"symbols": ["A.SIM"]})
    ours, theirs = (client.get(place).headers["etag"] for _ in range(2))
    first = client.put(place, json={"symbols": ["A.SIM", "OURS.SIM"]}, headers={"If-Match": ours})
    assert (first.status_code, client.get(place).headers["etag"]) == (200, first.headers["etag"])
    assert first.headers["etag"] != ours, "also where the clock has not moved"
    for answer in (
        client.put(place, json={"symbols": ["A.SIM", "THEIRS.SIM"]}, headers={"If-Match": theirs}),
        client.delete(place, headers={"If-Match": theirs}),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (412, "application/problem+json")
        assert answer.json()["detail"] == "the watchlist 'my list' has changed since it was read"
        assert answer.json()["hint"] == "GET /api/v1/watchlists/my%20list has it, and the ETag, as it is now"
    assert client.get(place).json()["symbols"] == ["A.SIM", "OURS.SIM"]
    assert wanted(here)["watchlists"]["my list"] == ["A.SIM", "OURS.SIM"]
    weak = {"If-Match": f'"1", W/{first.headers["etag"]}'}
    assert client.put(place, json={"symbols": ["B.SIM"]}, headers=weak).status_code == 200
    assert client.put(place, json={"symbols": ["C.SIM"]}, headers={"If-Match": "*"}).status_code == 200
    assert client.put(place, json={"symbols": ["D.SIM"]}).status_code == 200, "without the header as ever"
    assert client.delete(place, headers={"If-Match": client.get(place).headers["etag"]}).status_code == 204
    gone = client.put(place, json={"symbols": ["E.SIM"]}, headers={"If-Match": "*"})
    assert (gone.status_code, gone.json()["detail"]) == (412, "the watchlist 'my list' is no longer there")
    assert "etag" not in client.get("/api/v1/watchlists/venue").headers, "the configuration is changed elsewhere"


@pytest.mark.parametrize(
    ("place", "body"),
    [("watchlists/my list", {"symbols": ["A.SIM"]}), ("rules/up", {"rule": {**RISE, "symbols": ["*"]}})],
)
def test_what_is_to_be_new_takes_nothings_place(client: httpx.Client, place: str, body: dict[str, Any]) -> None:
    new = {"If-None-Match": "*"}
    first = client.put(f"/api/v1/{place}", json=body, headers=new)
    assert first.status_code == 200
    again = client.put(f"/api/v1/{place}", json=body, headers=new)
    assert again.status_code == 412
    assert again.json()["detail"].endswith("is there already")
    assert client.get(f"/api/v1/{place}").headers["etag"] == first.headers["etag"]
    assert client.put(f"/api/v1/{place}", json=body, headers={"If-None-Match": '"1"'}).status_code == 422


def test_who_changes_a_rule_that_another_has_changed_is_told_and_changes_nothing(client: httpx.Client) -> None:
    place = "/api/v1/rules/up"
    rule = {**RISE, "symbols": ["*"]}
    assert client.put(place, json={"rule": rule}).headers["etag"] == '"1"'
    seen = {"If-Match": client.get(place).headers["etag"]}
    assert client.put(place, json={"rule": {**rule, "threshold": 3}}, headers=seen).headers["etag"] == '"2"'
    for answer in (
        client.put(place, json={"rule": {**rule, "threshold": 4}}, headers=seen),
        client.delete(place, headers=seen),
    ):
        assert answer.status_code == 412
        assert answer.json()["detail"] == "the rule 'up' has changed since it was read"
        assert answer.json()["hint"] == "GET /api/v1/rules/up has it, and the ETag, as it is now"
    assert client.get(place).json()["rule"]["threshold"] == 3
    assert client.delete(place, headers={"If-Match": '"2"'}).status_code == 204
    assert "etag" not in client.get("/api/v1/rules/fixed").headers


def test_the_client_says_what_it_has_seen(here: Served) -> None:
    with Client(here.address) as ours, Client(here.address) as theirs:
        ours.put_watchlist("mine", ["A.SIM"])
        seen = ours.watchlist("mine")
        ours.put_watchlist("mine", [*seen.symbols, "OURS.SIM"], seen=seen)
        with pytest.raises(Outdated, match="the watchlist 'mine' has changed since it was read"):
            theirs.put_watchlist("mine", [*seen.symbols, "THEIRS.SIM"], seen=seen)
        with pytest.raises(Outdated):
            theirs.delete_watchlist("mine", seen=seen)
        assert theirs.watchlist("mine").symbols == ("A.SIM", "OURS.SIM")
        theirs.delete_watchlist("mine", seen=theirs.watchlists()[0])
        ours.put_rule("up", {"kind": "gap"})
        rule = ours.rule("up")
        ours.put_rule("up", {"kind": "gap", "cooldown": "5m"}, seen=rule)
        with pytest.raises(Outdated):
            theirs.put_rule("up", {"kind": "gap"}, seen=rule)
        with pytest.raises(Outdated):
            theirs.delete_rule("up", seen=rule)
        theirs.delete_rule("up", seen=theirs.rule("up"))


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        ({"kind": "rise"}, "this: rule 'x': a rule of kind rise needs a threshold"),
        ({"kind": "odd"}, "this: rule 'x': there is no kind 'odd'"),
        ({**RISE, "symbols": ["@none"]}, "this: rule 'x': there is no watchlist 'none'"),
        ({"kind": "gap", "colour": 1}, "this: rule 'x' is wrong: Object contains unknown field `colour`"),
        ({"kind": "gap", "name": "y"}, "the rule is called 'y', and its place 'x'"),
        ({"kind": "expression", "window": "1m", "expression": "ofi > 5.0"}, "this: rule 'x': the feature 'ofi' is not"),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_sentence_and_a_hint_and_changes_nothing(
    here: Served, client: httpx.Client, rule: dict[str, Any], detail: str
) -> None:
    answer = client.put("/api/v1/rules/x", json={"rule": rule})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith(detail)
    assert answer.json()["hint"]
    assert [one["name"] for one in client.get("/api/v1/rules").json()["data"]] == ["fixed"]
    assert not here.places.rules.exists()


def test_a_star_in_a_name_that_was_taken_once_stops_nobody_and_is_taken_no_more(
    here: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def star(venue: str) -> dict[str, Any]:
        return {"rule": {"kind": "gap", "symbols": [f"*.{venue}*"]}}

    with monkeypatch.context() as before:  # as it was in an older version
        before.setattr("breadboard.app.desk.wanted.refuse_stars", lambda *_: None)
        for name in ("a", "b"):
            assert client.put(f"/api/v1/rules/{name}", json=star("KRA")).status_code == 200
    assert [rule.name for rule in here.at_desk(lambda desk: desk.wanted.publish()).ruleset.rules] == ["fixed", "a", "b"]
    refused = client.put("/api/v1/rules/c", json=star("BIN"))
    assert (refused.status_code, refused.json()["detail"]) == (422, "this: rule 'c': no instrument is called '*.BIN*'")
    assert client.put("/api/v1/rules/b", json={"rule": {"kind": "gap", "symbols": ["*.KRAKEN"]}}).status_code == 200
    assert client.delete("/api/v1/rules/a").status_code == 204
    assert [rule["name"] for rule in wanted(here)["rules"]] == ["fixed", "b"]


def test_what_is_configured_or_oddly_named_is_refused(client: httpx.Client) -> None:
    assert client.put("/api/v1/rules/fixed", json={"rule": {"kind": "halt"}}).status_code == 409
    assert client.delete("/api/v1/rules/fixed").status_code == 409
    for name in ("a" * 65, "%00", "%1b"):
        assert client.put(f"/api/v1/watchlists/{name}", json={"symbols": ["A.X"]}).status_code == 422
        assert client.put(f"/api/v1/rules/{name}", json={"rule": {"kind": "gap"}}).status_code == 422
    bodies: list[dict[str, Any]] = [
        {"symbols": []},
        {"symbols": ["no venue"]},
        {"symbols": "A.X"},
        {},
        {"symbols": ["A.X"], "more": 1},
    ]
    for body in bodies:
        assert client.put("/api/v1/watchlists/x", json=body).status_code == 422


def test_keys_are_made_listed_and_revoked(client: httpx.Client) -> None:
    made = client.post("/api/v1/keys", json={"name": "ada", "scope": "write", "days": 7})
    assert made.status_code == 201
    key = made.json()
    assert (key["scope"], key["expires"], key["holds"]) == ("write", "2023-11-21T22:13:20.000000000Z", True)
    told = {name: value for name, value in key.items() if name != "key"}
    assert client.get("/api/v1/keys").json() == {"data": [told]}
    assert client.delete(f"/api/v1/keys/{key['id']}").status_code == 204
    assert client.delete(f"/api/v1/keys/{key['id']}").status_code == 404
    assert [one["holds"] for one in client.get("/api/v1/keys").json()["data"]] == [False]
    for body in ({"name": ""}, {"name": "x", "scope": "root"}, {"name": "x", "days": 0}, {"name": "\x1b"}):
        assert client.post("/api/v1/keys", json=body).status_code == 422


def test_what_is_no_text_is_told_and_not_a_defect(client: httpx.Client) -> None:
    kind = {"Content-Type": "application/json"}
    for path, body in (
        ("/api/v1/watchlists/odd", b'{"symbols":["\\ud800.X"]}'),
        ("/api/v1/rules/odd", b'{"rule":{"kind":"gap","symbols":["\\ud800.X"]}}'),
        ("/api/v1/rules/odd", b'{"rule":{"kind":"expression","window":"1m","expression":"close > 1.0 \\ud800"}}'),
        ("/api/v1/rules/odd", b'{"rule":{"kind":"gap","\\ud800":1}}'),
    ):
        answer = client.put(path, content=body, headers=kind)
        assert answer.status_code == 422, answer.text
    answer = client.post("/api/v1/rules/test", content=b'{"rule":{"kind":"gap","\\ud800":1}}', headers=kind)
    assert answer.status_code == 422, answer.text


def test_a_watchlist_may_be_as_long_as_one_may_be(client: httpx.Client) -> None:
    longest = [f"{at:0>120}.BINANCE" for at in range(10_000)]
    written = client.put("/api/v1/watchlists/long", json={"symbols": longest})
    assert (written.status_code, written.json()["symbols"]) == (200, longest)
    rule = {"rule": {"kind": "gap", "symbols": longest}}
    assert client.put("/api/v1/rules/long", json=rule).status_code == 200
    assert client.put("/api/v1/watchlists/long", content=b" " * (1536 * 1024 + 1)).status_code == 413
    assert client.post("/api/v1/keys", content=b" " * 70_000).status_code == 413
    assert client.delete("/api/v1/rules/long").status_code == 204
    assert client.delete("/api/v1/watchlists/long").status_code == 204


def test_who_asks_too_often_waits_and_nobody_else_does(tmp_path: Path) -> None:
    with served(tmp_path, ApiConfig(hosts=("desk.example.com",))) as here:
        keys = [here.key("ada"), here.key("bob")]
        with here.client(keys[0]) as ada, here.client(keys[1]) as bob, here.client("bb_x_y") as nobody:
            assert [ada.get("/api/v1/rules").status_code for _ in range(20)] == [200] * 20
            refused = ada.get("/api/v1/rules")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert bob.get("/api/v1/rules").status_code == 200
            assert [nobody.get("/api/v1/rules").status_code for _ in range(21)] == [401] * 20 + [429]
            assert [ada.get("/health").status_code for _ in range(30)] == [200] * 30
            here.clock.advance(1_000_000_000)
            assert [ada.get("/api/v1/rules").status_code for _ in range(2)] == [200, 429]
            here.clock.advance(60 * 10**9)
            assert [ada.get("/api/v1/rules").status_code for _ in range(21)] == [200] * 20 + [429]


def test_names_of_ours_are_those_that_are_configured(tmp_path: Path) -> None:
    with served(tmp_path, ApiConfig(host="0.0.0.0", hosts=("desk.example.com",))) as here:
        for host, status in (("desk.example.com", 200), ("DESK.example.com:443", 200), ("evil.example", 403)):
            assert patient.get(f"{here.address}/health", headers={"Host": host}).status_code == status
        refused = patient.get(f"{here.address}/health", headers={"Host": "10.0.0.7:8080"})
        assert refused.json()["hint"].startswith('[api] hosts = ["10.0.0.7"]')


def test_commands_on_this_machine_have_a_key_of_their_own_for_this_run(tmp_path: Path) -> None:
    with served(tmp_path, ApiConfig(hosts=("desk.example.com",))) as here:
        key = here.places.house_key()
        assert (here.places.run / "house.key").stat().st_mode & 0o777 == 0o600
        with here.client(key) as client:
            assert {client.get("/api/v1/keys").status_code for _ in range(100)} == {200}, "and are not counted"
        with here.client(key[:-1]) as client:
            assert client.get("/api/v1/keys").status_code == 401
