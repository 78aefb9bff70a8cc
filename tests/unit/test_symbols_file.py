"""Lists of symbols: what is in them, and which line is wrong."""

from pathlib import Path

import pytest

from breadboard.config import Config, FeedConfig
from breadboard.config_file import load
from breadboard.environment import key_of, runtime_dir
from breadboard.errors import UsageError
from breadboard.symbol_lists import read_symbols

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "symbols.toml"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "symbols.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_can_be_read_for_every_venue_and_has_every_tier() -> None:
    binance, coinbase = read_symbols(EXAMPLE, "binance"), read_symbols(EXAMPLE, "coinbase")
    assert binance["BTCUSDT"] == coinbase["BTC-USD"] == "liquid"
    assert set(binance.values()) == {"liquid", "semi", "illiquid"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            '[[symbol]]\nname = "A"\ntier = "liquid"\n\n[[symbol]]\nname = "B"\ntier = "huge"\n',
            5,
            "no tier 'huge' (of B)",
        ),
        ('[[symbol]]\nname = "A"\ntier = "semi"\n[[symbol]]\nname = "A"\ntier = "semi"\n', 4, "'A' is there a second"),
        (
            '[[symbol]]\nname = "A"\ntier = "semi"\n[[symbol]]\nname = "B"\ntier = "semi"\nvenues.binance = "A"\n',
            4,
            "'A' is there a second time",
        ),
        ('[[symbol]]\nname = "A"\n', 1, "missing required field `tier`"),
        ('# a list\n\n[[symbol]]\nname = 5\ntier = "semi"\n', 3, "Expected `str`, got `int`"),
        ('[[symbol]]\nname = "A"\ntier = "semi"\ncolour = "red"\n', 1, "unknown field `colour`"),
        ('[[symbol]]\nname = ""\ntier = "semi"\n', 1, "a symbol without a name"),
        ("# nothing\n", 1, "no symbol in it"),
        ('\n\n[[symbols]]\nname = "A"\n', 3, "'symbols' is no [[symbol]] table"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_value(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as error:
        read_symbols(path, "binance")
    assert error.value.sentence.startswith(f"{path} line {line}: ")
    assert words in error.value.sentence
    assert error.value.hint


def test_a_file_that_is_not_there_or_no_toml_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_symbols(tmp_path / "none.toml", "binance")
    with pytest.raises(UsageError, match="is not TOML"):
        read_symbols(written(tmp_path, "[[symbol\n"), "binance")


def test_a_configuration_takes_the_symbols_of_its_file_beside_its_own(tmp_path: Path) -> None:
    written(tmp_path, '[[symbol]]\nname = "BTC-USD"\ntier = "liquid"\nvenues = { binance = "BTCUSDT" }\n')
    config = tmp_path / "house.toml"
    config.write_text(
        '[[feeds]]\nvenue = "binance"\nsymbols = ["XUSDT"]\nsymbols_file = "symbols.toml"\n'
        'subscribe_per_s = 0.5\nconnections = 3\n[[feeds]]\nvenue = "coinbase"\nsymbols_file = "symbols.toml"\n'
    )
    binance, coinbase = load(config).feeds
    assert binance.symbols == ("XUSDT", "BTCUSDT")
    assert binance.tiers == {"BTCUSDT": "liquid"}
    assert (binance.subscribe_per_s, binance.connections) == (0.5, 3)
    assert coinbase.symbols == ("BTC-USD",)


def test_a_key_stays_a_name_until_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sesame")
    config = tmp_path / "house.toml"
    config.write_text(
        '[[feeds]]\nvenue = "coinbase"\nsymbols = ["BTC-USD"]\nkey = "${MY_KEY}"\nurl = "ws://${MY_KEY}"\n'
    )
    (feed,) = load(config).feeds
    assert feed.key == "${MY_KEY}", "this tree is written to a file for child processes"
    assert feed.url == "ws://sesame"
    assert key_of(feed, "OTHER") == "sesame"
    plain = FeedConfig(venue="coinbase")
    assert (key_of(plain, "MY_KEY"), key_of(plain, "NOT_SET"), key_of(plain, "")) == ("sesame", "", "")
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(UsageError, match="no MY_KEY"):
        key_of(feed, "")
    assert Config().feeds == ()


def test_a_key_is_used_without_blanks_and_refused_unseen_where_no_request_can_carry_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, own = FeedConfig(venue="massive"), FeedConfig(venue="massive", key="${MY_KEY}")
    for padded in ("sesame \n", " sesame"):
        monkeypatch.setenv("MY_KEY", padded)
        assert key_of(plain, "MY_KEY") == key_of(own, "") == "sesame"
    for odd in ("sésame", "ses\name", "sesamЕ"):  # noqa: RUF001 - the last letter is not Latin
        monkeypatch.setenv("MY_KEY", odd)
        for feed in (plain, own):
            with pytest.raises(UsageError, match="signs that no request can carry") as told:
                key_of(feed, "MY_KEY")
            assert odd not in told.value.sentence + told.value.hint
    monkeypatch.setenv("MY_KEY", " ")
    assert key_of(plain, "MY_KEY") == ""


def test_processes_of_one_user_meet_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert runtime_dir() == Path("/run/user/7/breadboard")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_dir().name.startswith("breadboard-")
