"""IQFeed: lines of all ports, after the documents; none of them is a recorded one."""

from random import Random
from typing import Final

from breadboard.feeds.iqfeed_fields import SELECTED
from samples.grown import fields
from samples.sample import Sample

SEED: Final = 20261124
FIELDS = b"S,CURRENT UPDATE FIELDNAMES,Symbol," + ",".join(SELECTED).encode() + b","
TRADE = (
    b"Q,XYZ,Cv,120,50100,100,10.5000,10:30:00.123456,11/24/2026,11,01,1,2,4711,"
    b"10.4900,200,10:29:59.000001,5,10.5100,300,10:29:58.000000,11,0,4,"
)
QUOTE = TRADE.replace(b"Q,XYZ,Cv,", b"Q,XYZ,ba,")
BOTH = TRADE.replace(b"Q,XYZ,Cv,", b"Q,XYZ,Ova,")
VOLUME = TRADE.replace(b"Q,XYZ,Cv,", b"Q,XYZ,v,")
SUMMARY = TRADE.replace(b"Q,XYZ,Cv,", b"P,ABC,Cbacv,")
PLAIN = b"Q,XYZ,10.5000,100,10:30:00.123456,11,50100,10.4900,200,,,10.0000,10.6000,9.9000,10.1000,Cb,8717,1,2,"
CORRECTION = b"C,XYZ,D,11/24/2026,10:30:00.123456,10.5000,100,4711,01,11,"
REGIONAL = b"R,XYZ,X,10.49,100,10:30:00,10.51,200,10:30:01,14,2,5,"
NEWS = b"N,DTN,123,XYZ:ABC,20261124 103000,Something, it seems, happened,"
ORDERS = [
    b"6,XYZ,,NSDQ,B,10.4900,300,,4,10:30:00.000001,2026-11-24,",
    b"6,XYZ,,ARCX,B,10.4900,200,,4,10:30:00.000001,2026-11-24,",
    b"6,XYZ,,ARCX,A,10.5100,200,,4,10:30:00.000001,2026-11-24,",
    b"4,XYZ,,NSDQ,B,10.4800,300,,4,10:30:01.000001,2026-11-24,",
    b"5,XYZ,,ARCX,A,,2026-11-24,",
    b"3,@ABC#,77,MD01,A,2938.25,65,10,2,10:30:02.000001,2026-11-24,",
    b"0,@ABC#,78,MD01,A,2938.25,5,11,2,10:30:02.000002,2026-11-24,",
]
LEVELS = [
    b"7,@DEF#,B,2938.25,65,11,2,10:30:00.000001,2026-11-24,",
    b"8,@DEF#,A,2938.50,10,2,2,10:30:00.000002,2026-11-24,",
    b"9,@DEF#,B,2938.25,10:30:00.000003,2026-11-24,",
]
OLD = b"2,@GHI#,MD01,2938.,2938.25,65,23,10:30:00.876740,2026-11-24,52,10:30:00.876740,T,T,F,"

STATS = (
    b"S,STATS,66.112.148.1,60002,500,495,2,0,1,3,Nov 24 10:00AM,Nov 24 10:30AM,Connected,6.2.0.25,"
    b"someone,120.5,1.5,1.2,33.1,0.2,0.3,"
)
CLIENT = b"S,CLIENTSTATS,1,7,breadboard,20261124 100000,495,0,100.0,1.0,0.0,"
ADMIN = [
    b"S,REGISTER CLIENT APP COMPLETED,",
    b"S,CURRENT LOGINID,someone,",
    b"S,CURRENT PASSWORD,hunter2,",
    b"S,LOGIN INFO SAVED,",
    b"S,AUTOCONNECT ON,",
    STATS,
    CLIENT,
    STATS.replace(b"Connected", b"Not Connected"),
    b"S,SERVER RECONNECT FAILED",
    STATS,
]


def made() -> list[bytes]:
    """Return a conversation: what every connection begins with, then thousands of lines of all kinds."""
    lines = [line for line in SAMPLE.frames if line != PLAIN]  # fewer fields than were announced
    return [b"S,CURRENT PROTOCOL,6.2,", FIELDS, *Random(SEED).choices(lines, k=4000)]


SAMPLE = Sample(
    [
        PLAIN,
        b"7,@DEF#,B,2938.25,65,11,2,10:30:00.000001,2026-11-24,",
        b"T,20261124 10:30:00",
        b"S,PROVENANCE,synthetic,",
        b"S,KEY,12345,",
        b"S,CUST,real_time,127.0.0.1,60001,abc,6.2.0.25,0,NYSE,,500,0,",
        b"S,CURRENT PROTOCOL,6.2,",
        *(FIELDS, TRADE, QUOTE, BOTH, VOLUME, SUMMARY, CORRECTION, REGIONAL, NEWS),
        b"F,XYZ,5,12.3,1000000,",
        *(*ORDERS, *LEVELS, OLD),
        b"S,CLEAR DEPTH,XYZ,B,",
        b"S,WATCHES,XYZ,ABC,",
        b"S,SYMBOL LIMIT REACHED,QRS",
        b"n,NOPE",
        b"q,XYZ",
        b"M,NSDQ,NASDAQ,",
        b"S,SERVER DISCONNECTED",
        b"S,SERVER CONNECTED",
        b"B60,BC,XYZ,2026-11-24 10:31:00,10.1,10.5,10.0,10.4,1000,100,7,",
        b"B60,BU,XYZ,2026-11-24 10:32:00,10.1,10.5,10.0,10.4,1000,100,7,",
        b"E,!SYNTAX_ERROR!,",
        *ADMIN,
    ],
    symbols=("XYZ", "@ABC#"),
    channels=("trade", "quote"),
    json=False,
    grow=fields,
    closed=(PLAIN,),  # nothing was announced before it
    novelty=b"X,SCHEMA,6.3,Halt Reason,",
    impossible=("A B", "A,B", "XYZ\r\nwABC", "/XYZ"),
    scheme="tcp://",
    made=made,
)
