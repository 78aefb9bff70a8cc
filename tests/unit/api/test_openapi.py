"""The OpenAPI document keeps its word: whatever is sent, no answer is an error of the server, and each is documented.

Examples come from the document itself (schemathesis), valid ones and such as are not.
"""

import os
import re
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from breadboard.api.app import create_app
from breadboard.api.desk import Door
from breadboard.clock import ManualClock
from unit.api.market import Market, services
from unit.api.stored import Stored, house

__all__ = ["house"]

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
WRONG_TYPE = re.compile(r"parameter `(\w+)` in query - violates `type`")
EXAMPLES = int(os.environ.get("BREADBOARD_API_EXAMPLES", "30"))
"""Of each operation, valid and not."""
OPERATIONS = [
    (method.upper(), path)
    for path, methods in create_app(services(Market(ManualClock()))).openapi()["paths"].items()
    for method in methods
]


def refused(ctx: CheckContext, response: Response, case: "Case[Any]") -> bool | None:
    """What the document does not allow is not answered; it may be too long before it is wrong.

    Of a parameter that may be text nothing is of another type: an object becomes text on its way into the address.
    """
    if response.status_code in (413, 414):
        return True
    try:
        return negative_data_rejection(ctx, response, case)
    except AcceptedNegativeData as accepted:
        wrong = WRONG_TYPE.findall(accepted.message)
        if (
            wrong
            and accepted.message.count("violates") == len(wrong)
            and all(may_be_text(case, name) for name in wrong)
        ):
            return True
        raise


def may_be_text(case: "Case[Any]", name: str) -> bool:
    """Tell whether the document allows text for a parameter in the query."""
    told = case.operation.schema.raw_schema["paths"][case.operation.path][case.operation.method]["parameters"]
    schema = next(each["schema"] for each in told if each["name"] == name and each["in"] == "query")
    return any(each.get("type") == "string" for each in (schema, *schema.get("anyOf", ())))


@pytest.fixture(scope="module")
def api(house: Stored) -> BaseSchema:
    market = house.market
    market.apply(market.quote("100.5", "100.7"), market.trade("100.6", "0.25", symbol="ETHUSDT"))
    return schemathesis.openapi.from_url(f"{house.client.base_url}/openapi.json")


def test_the_document_says_how_a_key_is_shown_and_what_is_answered_without() -> None:
    whole = replace(services(Market(ManualClock())), desk=Door(pytest.fail))  # is not opened
    document = create_app(whole).openapi()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["security"] == [{}, {"key": []}], "on loopback nobody needs one"
    for methods in document["paths"].values():
        for operation in methods.values():
            assert "401" in operation["responses"]
    for path in ("/api/v1/rules/{name}", "/api/v1/watchlists/{name}"):
        changing = [method for method, said in document["paths"][path].items() if "412" in said["responses"]]
        assert sorted(changing) == ["delete", "put"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: str(mode.value))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_sent_the_answer_is_one_that_is_documented(
    api: BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = api[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.path_parameters or operation.body):
        return  # there is nothing to get wrong
    checks = [*CHECKS, refused] if mode is GenerationMode.NEGATIVE else list(CHECKS)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize="CI" in os.environ,
        phases=[Phase.explicit, Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: "Case[Any]") -> None:
        case.call_and_validate(checks=checks)

    asked()
