"""Massive stocks: frames are arrays; examples after the venue's API description."""

from breadboard.model.kinds import EventKind
from samples.sample import Sample

TRADE = (
    b'[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"c":[0,12],"t":1536036818784,"q":3681328,'
    b'"trfi":202,"trft":1536036818780}]'
)
QUOTE = (
    b'[{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],'
    b'"t":1536036818784,"q":50385480,"z":3}]'
)
SECOND = (
    b'{"ev":"A","sym":"SPCE","v":200,"av":8642007,"op":25.66,"vw":25.3981,"o":25.39,"c":25.39,"h":25.39,"l":25.39,'
    b'"a":25.3714,"z":50,"s":1610144868000,"e":1610144869000}'
)
MINUTE = (
    b'{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,'
    b'"l":0.4486,"a":0.4352,"z":685,"s":1610144640000,"e":1610144700000}'
)
BANDS = b'{"ev":"LULD","T":"MSFT","h":218.96,"l":198.11,"i":[21],"z":3,"t":1601316752683746,"q":290317}'
HALT = b'{"ev":"LULD","T":"MSFT","i":[17],"z":3,"t":1601316752683746,"q":290318}'
IMBALANCE = (
    b'{"ev":"NOI","T":"NTEST.Q","t":1601318039223013600,"at":930,"a":"M","i":44,"x":10,"o":480,"p":440,"b":25.03}'
)
CONNECTED = b'[{"ev":"status","status":"connected","message":"Connected Successfully"}]'
ADMITTED = b'[{"ev":"status","status":"auth_success","message":"authenticated"}]'
CONFIRMED = (
    b'[{"ev":"status","status":"success","message":"subscribed to: T.AAPL"},'
    b'{"ev":"status","status":"success","message":"subscribed to: Q.AAPL"}]'
)
DENIED = b'[{"ev":"status","status":"error","message":"not authorized to subscribe to: LULD.AAPL"}]'


def frame(*events: bytes) -> bytes:
    """Return one frame with these events, which are objects or frames of one."""
    return b"[" + b",".join(event.removeprefix(b"[").removesuffix(b"]") for event in events) + b"]"


SAMPLE = Sample(
    [
        TRADE,
        QUOTE,
        frame(BANDS),
        CONNECTED,
        ADMITTED,
        CONFIRMED,
        DENIED,
        frame(SECOND, MINUTE),
        frame(QUOTE, TRADE.replace(b"12345", b"52983525034825"), HALT, SECOND, IMBALANCE, CONFIRMED),
        frame(IMBALANCE),
    ],
    symbols=("AAPL", "BRK.B"),
    documents=("conditions",),
    kinds=frozenset({EventKind.TRADE, EventKind.QUOTE, EventKind.STATUS}),
    channels=("trade", "quote", "luld"),
    impossible=("BTC USDT", "a/../b", "T.*"),
    key="a-key",
    drawn=3000,
)
