"""Addresses as they may be written down."""

import pytest

from breadboard.model.addresses import public


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://v/a?symbol=AAPL&limit=5", "https://v/a?symbol=AAPL&limit=5"),
        ("https://v/a?symbol=AAPL&apiKey=k3y", "https://v/a?symbol=AAPL"),
        ("https://v/a?crumb=k3y&events=div,splits", "https://v/a?events=div,splits"),
        ("https://me:k3y@v:1/a?x=1", "https://v:1/a?x=1"),
        ("tcp://127.0.0.1:9100/HTX,AAPL,5,1,BB1,", "tcp://127.0.0.1:9100/HTX,AAPL,5,1,BB1,"),
        ("http://[k3y?token=k3y", "http://[k3y"),
        ("", ""),
    ],
)
def test_an_address_is_told_without_what_lets_somebody_in(url: str, told: str) -> None:
    assert public(url) == told
