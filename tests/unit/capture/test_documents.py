import asyncio
from random import Random

import httpx
import pytest

from breadboard.capture import documents
from breadboard.capture.documents import Documents
from breadboard.clock import ManualClock, SystemClock
from breadboard.conversations import Fetch
from breadboard.model.gaps import DocumentHead

Answer = tuple[str, int, bytes]


def fetching(handler: httpx.MockTransport, clock: ManualClock | SystemClock) -> tuple[Documents, list[Answer]]:
    answers: list[Answer] = []

    def deliver(head: DocumentHead, body: bytes) -> None:
        answers.append((head.tag, head.status, body))

    return Documents(deliver, clock, Random(1), httpx.AsyncClient(transport=handler)), answers


async def settled(answers: list[Answer], count: int) -> None:
    async with asyncio.timeout(60):
        while len(answers) < count:  # noqa: ASYNC110 - the list knows no Event
            await asyncio.sleep(0.005)


def test_an_answer_is_delivered_as_received() -> None:
    async def scenario() -> None:
        made, answers = fetching(
            httpx.MockTransport(lambda _: httpx.Response(200, content=b'{"x":\n1}')), SystemClock()
        )
        made.fetch(Fetch("depth:A", "http://v/depth"))
        await settled(answers, 1)
        await made.close()
        assert answers == [("depth:A", 200, b'{"x":\n1}')]

    asyncio.run(scenario())


def test_a_new_fetch_with_the_same_tag_replaces_the_one_that_waits() -> None:
    async def scenario() -> None:
        made, answers = fetching(
            httpx.MockTransport(lambda r: httpx.Response(200, content=str(r.url).encode())), SystemClock()
        )
        made.fetch(Fetch("depth:A", "http://v/1", delay_s=0.1))
        made.fetch(Fetch("depth:A", "http://v/2", delay_s=0.2))
        made.fetch(Fetch("depth:B", "http://v/3"))
        await settled(answers, 2)
        await asyncio.sleep(0.1)
        await made.close()
        assert [body for _, _, body in answers] == [b"http://v/3", b"http://v/2"]

    asyncio.run(scenario())


def test_an_answer_may_call_for_the_same_document_again() -> None:
    async def scenario() -> None:
        count = 0
        made: Documents
        done = asyncio.Event()

        def deliver(head: DocumentHead, body: bytes) -> None:
            nonlocal count
            del body
            count += 1
            if count < 3:
                made.fetch(Fetch(head.tag, head.url))
            else:
                done.set()

        client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
        made = Documents(deliver, SystemClock(), Random(1), client)
        made.fetch(Fetch("depth:A", "http://v/"))
        async with asyncio.timeout(60):
            await done.wait()
        await made.close()
        assert count == 3

    asyncio.run(scenario())


def test_no_answer_at_all_is_delivered_as_status_0_and_the_next_request_waits() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    async def scenario() -> None:
        clock = ManualClock()
        made, answers = fetching(httpx.MockTransport(refuse), clock)
        made.fetch(Fetch("depth:A", "http://v/"))
        await settled(answers, 1)
        await made.close()
        assert answers == [("depth:A", 0, b"")]
        assert 0.25 <= made.wait_s(0.0) <= 0.5
        assert made.wait_s(9.0) == 9.0
        clock.advance(500_000_000)
        assert made.wait_s(0.0) == 0.0

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [httpx.LocalProtocolError, ValueError])
def test_a_request_that_cannot_be_sent_is_answered_too_and_its_secrets_stay_out_of_the_log(
    error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise error("Illegal header value b'Bearer SESAME '")

    async def scenario() -> None:
        made, answers = fetching(httpx.MockTransport(refuse), ManualClock())
        made.fetch(Fetch("depth:A", "http://v/"))
        await settled(answers, 1)
        await made.close()
        assert answers == [("depth:A", 0, b"")]

    asyncio.run(scenario())
    assert f"no answer from http://v/: {error.__name__}" in caplog.text
    assert "SESAME" not in caplog.text


@pytest.mark.parametrize(
    ("status", "header", "waits"),
    [(429, "30", 30), (418, "86400", 86_400), (503, "soon", 0.5), (401, "", 60), (403, "1", 60)],
)
def test_the_venues_retry_after_is_obeyed(status: int, header: str, waits: float) -> None:
    async def scenario() -> None:
        answer = httpx.Response(status, headers={"Retry-After": header}, content=b"no")
        made, answers = fetching(httpx.MockTransport(lambda _: answer), ManualClock())
        made.fetch(Fetch("depth:A", "http://v/"))
        await settled(answers, 1)
        await made.close()
        assert answers == [("depth:A", status, b"no")]
        assert waits / 2 <= made.wait_s(0.0) <= waits

    asyncio.run(scenario())


def test_what_a_refused_request_lacked_is_fetched_at_once_and_ends_the_minute() -> None:
    made, _ = fetching(httpx.MockTransport(lambda _: httpx.Response(200)), ManualClock())
    made.failed(0.0, 60.0)
    assert made.wait_s(0.0) == 60.0
    assert made.wait_s(0.0, logs_in=True) <= 0.5


def test_failures_in_a_row_wait_longer_and_longer_and_a_success_forgets_them() -> None:
    clock = ManualClock()
    made, _ = fetching(httpx.MockTransport(lambda _: httpx.Response(500)), clock)
    waits = []
    for _ in range(8):
        made.failed()
        waits.append(made.wait_s(0.0))
    assert waits == sorted(waits)
    assert waits[-1] >= 30


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENT_CAP", 1000)

    async def scenario() -> None:
        made, answers = fetching(httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 1001)), SystemClock())
        made.fetch(Fetch("depth:A", "http://v/"))
        await settled(answers, 1)
        await made.close()
        assert answers == [("depth:A", 0, b"")]

    asyncio.run(scenario())


def test_requests_of_a_connection_that_ended_are_given_up() -> None:
    async def scenario() -> None:
        made, answers = fetching(httpx.MockTransport(lambda _: httpx.Response(200)), SystemClock())
        made.fetch(Fetch("depth:A", "http://v/", delay_s=0.05))
        made.cancel()
        await asyncio.sleep(0.1)
        await made.close()
        assert answers == []

    asyncio.run(scenario())
