"""The list of alerts: which one the keys are for, while others fire."""

from browser.seeing import Eyes, Opener, Stage
from browser.test_standing import tile
from browser.test_watching import opened
from scenarios.house import wait_for

VALUE = "td:nth-of-type(4)"


def fire(stage: Stage, value: float, symbol: str | None = "BEPT") -> None:
    row = stage.market.alert(value, symbol=symbol, venue="SIM")
    row["ts_recv"] = stage.market.live.now()
    stage.market.apply(alerts=[row])


def values(eyes: Eyes, rows: str = ".feed tbody tr") -> list[str]:
    return eyes.page.locator(f"{rows} {VALUE}").all_inner_texts()


def chosen(eyes: Eyes) -> list[str]:
    return values(eyes, ".feed tr[aria-selected=true]")


def shown(stage: Stage, look: Opener, count: int) -> Eyes:
    eyes = opened(stage, look, "alerts/CORN.SIM")
    for value in range(1, count + 1):
        fire(stage, float(value))
    wait_for("all of them", lambda: len(values(eyes)) == count)
    return eyes


def test_the_choice_stays_with_its_alert_when_another_fires_and_x_and_enter_are_for_it(
    stage: Stage, look: Opener
) -> None:
    eyes = shown(stage, look, 5)
    for _ in range(2):
        eyes.page.keyboard.press("j")
    before = chosen(eyes)
    at = values(eyes).index(before[0])
    assert at == 2
    fire(stage, 6.0)
    fire(stage, 7.0)
    wait_for("two more", lambda: len(values(eyes)) == 7)
    assert chosen(eyes) == before
    neighbour = values(eyes)[at + 3]
    eyes.page.keyboard.press("x")
    wait_for("it to go", lambda: len(values(eyes)) == 6)
    assert before[0] not in values(eyes)
    assert chosen(eyes) == [neighbour], "the one that was below it"
    for _ in range(9):
        eyes.page.keyboard.press("j")
    assert chosen(eyes) == values(eyes)[-1:]
    eyes.page.keyboard.press("x")
    wait_for("the last to go", lambda: len(values(eyes)) == 5)
    assert chosen(eyes) == values(eyes)[-1:]
    assert tile(eyes, "Open here").inner_text() == "5"
    eyes.page.keyboard.press("Enter")
    wait_for("its chart", lambda: eyes.page.evaluate("location.hash") == "#/chart/BEPT.SIM")


def test_the_chosen_alert_is_in_sight_whichever_way_the_keys_go(stage: Stage, look: Opener) -> None:
    eyes = shown(stage, look, 60)
    seen = """() => {
        const row = document.querySelector('.feed tr[aria-selected=true]').getBoundingClientRect();
        const box = document.querySelector('.feed .tablebox').getBoundingClientRect();
        const head = document.querySelector('.feed thead').getBoundingClientRect();
        return row.top >= head.bottom - 2 && row.bottom <= box.bottom + 1;
    }"""
    for key in ("j", "k"):
        for _ in range(59):
            eyes.page.keyboard.press(key)
            assert eyes.page.evaluate(seen), chosen(eyes)
    assert chosen(eyes) == values(eyes)[:1]


def test_an_alert_keeps_its_row_while_others_come_so_that_a_press_of_its_button_counts(
    stage: Stage, look: Opener
) -> None:
    eyes = shown(stage, look, 3)
    button = eyes.page.locator(".feed tbody tr").last.locator("button.do").last
    button.focus()
    fire(stage, 9.0)
    wait_for("one more", lambda: len(values(eyes)) == 4)
    assert eyes.page.evaluate("document.activeElement.className") == "do"


def test_an_alert_of_a_whole_source_leads_to_feeds_and_to_no_chart(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "alerts/CORN.SIM")
    fire(stage, 1.0, None)
    row = eyes.page.locator(".feed tbody tr")
    wait_for("it", lambda: row.count() == 1)
    assert row.get_by_role("button").all_inner_texts() == ["feeds", "done"]
    eyes.page.keyboard.press("Enter")
    wait_for("the feeds", lambda: eyes.page.evaluate("location.hash") == "#/lag/CORN.SIM")
    assert eyes.page.title() == "CORN.SIM · lag"
