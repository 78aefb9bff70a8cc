"""When what is asked for again is what was said before."""

import pytest

from breadboard.app.imported import _says_the_same as says_the_same

HEAD = b'{"tag":"conditions:","url":"http://v"}\n'
TOLD = HEAD + b'{"request_id":"a","results":[{"id":1,"price":10.10}]}'


@pytest.mark.parametrize(
    ("frame", "same"),
    [
        (TOLD, True),
        (TOLD.replace(b'"a"', b'"b"'), True),
        (TOLD.replace(b"10.10", b"10.11"), False),
        (TOLD.replace(b"conditions:", b"trades:"), False),
        (HEAD + b"not JSON", False),
        (HEAD + b"[1]", False),
        (b"", False),
    ],
)
def test_an_answer_is_the_same_but_for_the_name_of_its_request(frame: bytes, same: bool) -> None:
    assert says_the_same(frame, TOLD) is same
