"""The page of settings: watchlists and keys."""

from typing import Any
from urllib.parse import quote

from streamlit.testing.v1 import AppTest

from breadboard.client import Instant
from unit.client.fake import Fake
from unit.dashboard.opened import STOCK, press, run


def test_a_watchlist_is_checked_as_it_is_pasted_and_saved(fake: Fake) -> None:
    fake.answers["GET /stocks"] = (200, {"data": [], "unknown": ["NOPE"]})
    fake.answers["PUT /watchlists/majors"] = (200, {})
    page = run("settings")
    assert not page.exception
    page.text_area[0].set_value("BTCUSDT, NOPE\nBTCUSDT;ETHUSDT").run()
    assert [each.value for each in page.warning] == ["1 of 3 unknown: NOPE"]
    next(button for button in page.button if button.label == "Save").click().run()
    assert ("PUT", "/watchlists/majors", {}, {"symbols": ["BTCUSDT", "NOPE", "ETHUSDT"]}) in fake.asked


def test_names_without_a_venue_or_in_small_letters_are_saved_as_ids_and_those_of_two_venues_asked_about(
    fake: Fake,
) -> None:
    rows = [
        {**STOCK, "id": name, "symbol": name.rpartition(".")[0]} for name in ("BTCUSDT.BINANCE", "ETH-USD.COINBASE")
    ]
    both = [{**STOCK, "id": f"SOL-USD.{venue}", "symbol": "SOL-USD"} for venue in ("KRAKEN", "COINBASE")]
    fake.answers["GET /stocks"] = (200, {"data": [*rows, *both], "unknown": []})
    fake.answers["PUT /watchlists/majors"] = (200, {})
    page = run("settings")
    page.text_area[0].set_value("BTCUSDT, eth-usd.coinbase\nbtcusdt.binance *.KRAKEN").run()
    assert not page.exception
    captions = [each.value for each in page.caption]
    assert "4 symbols, all known" in captions
    spelled = "BTCUSDT → BTCUSDT.BINANCE, eth-usd.coinbase → ETH-USD.COINBASE, btcusdt.binance → BTCUSDT.BINANCE"
    assert f"saved as ids: {spelled}" in captions
    assert not page.warning
    saved = ["BTCUSDT.BINANCE", "ETH-USD.COINBASE", "*.KRAKEN"]
    fake.answers["GET /watchlists"] = (200, {"data": [{"name": "majors", "symbols": saved}]})
    press(page, "Save")
    assert written(fake) == [("/watchlists/majors", {"symbols": saved})]
    assert page.text_area[0].value == "\n".join(saved), "as it is kept"
    page.text_area[0].set_value("sol-usd").run()
    assert [each.value for each in page.warning] == [
        "sol-usd is traded at 2 venues. Write SOL-USD.COINBASE or SOL-USD.KRAKEN."
    ]


def test_of_ids_that_differ_in_their_letters_alone_the_one_that_was_written_is_saved(fake: Fake) -> None:
    rows = [{**STOCK, "id": name, "symbol": name.rpartition(".")[0]} for name in ("b.KRAKEN", "B.KRAKEN")]
    fake.answers["GET /stocks"] = (200, {"data": rows, "unknown": []})
    fake.answers["PUT /watchlists/majors"] = (200, {})
    page = run("settings")
    page.text_area[0].set_value("b.KRAKEN").run()
    press(page, "Save")
    assert written(fake) == [("/watchlists/majors", {"symbols": ["b.KRAKEN"]})]


def test_a_watchlist_that_somebody_else_has_changed_is_not_written_over_unseen(fake: Fake) -> None:
    def kept(second: int, *symbols: str) -> tuple[int, Any]:
        return 200, {"data": [{"name": "majors", "symbols": symbols, "changed": f"2026-11-27T00:00:0{second}Z"}]}

    def save(page: AppTest) -> dict[str, str]:
        next(button for button in page.button if button.label == "Save").click().run()
        assert not page.exception
        methods = [method for method, *_ in fake.asked]
        return fake.headers[len(methods) - 1 - methods[::-1].index("PUT")]

    fake.answers["GET /watchlists"] = kept(1, "A")
    page = run("settings")
    page.text_area[0].set_value("A OURS").run()
    fake.answers["GET /watchlists"] = kept(2, "A", "THEIRS")
    fake.answers["PUT /watchlists/majors"] = (412, {"detail": "it has changed", "hint": "GET it"})
    seen = Instant.of("2026-11-27T00:00:01Z")
    assert save(page)["if-match"] == f'"{int(seen)}"', "as it was when the text was made of it"
    assert [each.value for each in page.error] == [
        "Somebody has changed this watchlist meanwhile. Once more, and yours is in the place of this:"
    ]
    assert "A\nTHEIRS" in [each.value for each in page.code]
    assert page.text_area[0].value == "A OURS"
    fake.answers["PUT /watchlists/majors"] = (200, {})
    assert save(page)["if-match"] == f'"{int(seen) + 10**9}"'
    assert not page.error


def kept(*names: str) -> tuple[int, Any]:
    return 200, {"data": [{"name": name, "symbols": [f"OF-{name[:3].upper()}.SIM"]} for name in names]}


def written(fake: Fake) -> list[tuple[str, Any]]:
    return [(path, body) for method, path, _, body in fake.asked if method in ("PUT", "DELETE")]


def test_a_watchlist_of_the_configuration_is_not_changed_here_nor_is_its_namesake(fake: Fake) -> None:
    own = {"name": "majors", "symbols": ["BTCUSDT.BINANCE"], "from": "configuration", "changed": None}
    fake.answers["GET /watchlists"] = (200, {"data": [own]})
    page = run("settings")
    assert not page.exception
    assert "of the configuration, and changed there" in [each.value for each in page.caption]
    assert not {"Save", "Delete"} & {button.label for button in page.button}


def test_a_new_watchlist_takes_no_name_that_another_has(fake: Fake) -> None:
    page = run("settings")
    page.selectbox[0].set_value("New watchlist").run()
    page.text_input[0].set_value("majors")
    page.text_area[0].set_value("ETHUSDT").run()
    press(page, "Save")
    assert not page.exception
    sentence = "There is a watchlist 'majors' already. Choose it above to change it, or give yours another name."
    assert [each.value for each in page.error] == [sentence]
    assert written(fake) == []
    fake.answers["PUT /watchlists/minors"] = (412, {"detail": "there is one", "hint": ""})
    page.text_input[0].set_value("minors").run()
    press(page, "Save")
    assert [each.value for each in page.error] == [sentence.replace("majors", "minors")], "that was made just now"
    assert written(fake) == [("/watchlists/minors", {"symbols": ["ETHUSDT"]})]
    heads = [head for (method, *_), head in zip(fake.asked, fake.headers, strict=True) if method == "PUT"]
    assert [head["if-none-match"] for head in heads] == ["*"]


def test_a_watchlist_that_was_made_is_the_one_shown_and_one_that_was_removed_is_gone(fake: Fake) -> None:
    fake.answers["PUT /watchlists/minors"] = fake.answers["DELETE /watchlists/minors"] = (200, {})
    page = run("settings")
    page.selectbox[0].set_value("New watchlist").run()
    page.text_input[0].set_value(" minors ")
    page.text_area[0].set_value("ETHUSDT").run()
    fake.answers["GET /watchlists"] = lambda _: kept("majors", *(["minors"] if len(written(fake)) == 1 else []))
    press(page, "Save")
    assert not page.exception
    assert not page.error
    assert page.selectbox[0].value == "minors"
    assert page.text_area[0].value == "OF-MIN.SIM", "as it is kept"
    press(page, "Delete")
    assert not page.exception
    assert page.selectbox[0].options == ["majors", "New watchlist"]
    assert (page.selectbox[0].value, page.text_area[0].value) == ("majors", "OF-MAJ.SIM")


def test_watchlists_called_like_the_choices_of_a_page_hide_none_of_them(fake: Fake) -> None:
    fake.answers["GET /watchlists"] = kept("New watchlist", "All instruments", "*")
    page = run("settings")
    assert not page.exception
    assert page.selectbox[0].options == ["New watchlist", "All instruments", "*", "(New watchlist)"]
    assert page.text_area[0].value == "OF-NEW.SIM"
    page.selectbox[0].set_value("(New watchlist)").run()
    assert (page.text_input[0].label, page.text_area[0].value) == ("Name", "")


def test_names_are_asked_for_in_as_many_questions_as_addresses_hold_them(fake: Fake) -> None:
    names = [f"{'ВЕРЫ' * 7}-{at}.SIM" for at in range(40)] + [f"S{at}.SIM" for at in range(300)]
    fake.answers["GET /stocks"] = lambda asked: (200, {"data": [], "unknown": asked["symbols"].split(",")[-1:]})
    page = run("settings")
    before = len(fake.asked)
    page.text_area[0].set_value("\n".join([*names, "*.KRAKEN"])).run()
    assert not page.exception
    asked = [params["symbols"] for _, path, params, _ in fake.asked[before:] if path == "/stocks"]
    assert [name for each in asked for name in each.split(",")] == names, "each once, in order"
    assert max(len(quote(each, safe="")) for each in asked) <= 3_500
    assert len(asked) == 4
    assert page.warning[0].value.startswith("4 of 341 unknown: ")


def test_whatever_is_traded_at_a_venue_is_no_unknown_symbol(fake: Fake) -> None:
    page = run("settings")
    page.text_area[0].set_value("BTCUSDT *.KRAKEN").run()
    assert [params["symbols"] for _, path, params, _ in fake.asked if path == "/stocks"][-1] == "BTCUSDT"
    assert "2 symbols, all known" in [each.value for each in page.caption]


def test_who_may_not_see_keys_sees_the_server_all_the_same(fake: Fake) -> None:
    sentence = "this needs a key of scope admin, and yours is read"
    fake.answers["GET /keys"] = (403, {"detail": sentence, "hint": "breadboard keys add 'ada' --scope admin"})
    page = run("settings")
    assert not page.exception
    assert [each.value for each in page.error] == []
    assert f"{sentence}. [Sign in](/login) with another to see them." in [each.value for each in page.info]
    assert page.subheader[-1].value == "Server"
    assert list(page.dataframe[-1].value["Setting"]) == ["address", "feed binance-0"]


def test_keys_are_told_with_their_state_and_times_that_can_be_read(fake: Fake) -> None:
    key = {"name": "ada", "scope": "read", "created": "2026-11-27T16:32:45.054364283Z", "holds": True}
    gone = {"revoked": "2026-11-27T16:50:04.652558831Z", "holds": False}
    fake.answers["GET /keys"] = (200, {"data": [{**key, "id": "1"}, {**key, "id": "2", **gone}, {**key, "id": "3"}]})
    page = run("settings")
    assert not page.exception
    table = page.dataframe[0].value
    assert table["State"].tolist() == ["holds", "revoked", "holds"]
    assert set(table["Made (UTC)"]) == {"2026-11-27 16:32:45"}
    assert next(box for box in page.selectbox if box.label == "Revoke").options == ["1", "3"]
