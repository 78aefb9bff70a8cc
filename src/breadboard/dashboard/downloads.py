"""The whole answer to a question as files, asked for when somebody wants it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from breadboard.client import Client
from breadboard.dashboard.files import arrow, csv, parquet
from breadboard.dashboard.queries import BarsQuestion


def downloads(client: Client, question: BarsQuestion) -> None:
    """Offer all bars of a question in three formats."""

    def table() -> Any:  # noqa: ANN401 - a pyarrow.Table
        return client.history(
            question.symbol, venue=question.venue, interval=question.interval, start=question.start, end=question.end
        ).arrow()

    name = f"{question.symbol}-{question.interval}".replace("/", "-")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(question.name)
        for label, form in (("Parquet", parquet), ("CSV", csv), ("Arrow", arrow)):
            file = f"{name}.{label.lower()}"
            key = f"{label} {question.name}"
            st.download_button(
                label, partial(_made, form, table), file, icon=":material/download:", on_click="ignore", key=key
            )


def _made(form: Callable[[Any], bytes], table: Callable[[], Any]) -> bytes:
    return form(table())
