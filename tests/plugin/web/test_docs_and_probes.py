"""The probes tell the truth, and the OpenAPI page needs nothing from the internet."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import structlog

from plugin import VERSION
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from tests.plugin.web.harness import PATH_SECRET, Site, call_result


def test_without_active_rules_it_lives_but_is_not_ready(
    make_site: Callable[[ActiveRules], Site], rules: ActiveRules
) -> None:
    with rules._ledger.write() as connection:
        connection.exec_driver_sql("DELETE FROM activations")
    site = make_site(ActiveRules(rules._ledger, utc_now))
    assert site.ask("GET", "/healthz").status == 200
    heard = site.ask("GET", "/readyz")
    assert heard.status == 503
    assert "no active rules" in heard.json["error"]["message"]


def test_with_a_ledger_that_cannot_be_read_it_lives_but_is_not_ready(site: Site) -> None:
    with site.ledger.write() as connection:
        connection.exec_driver_sql("ALTER TABLE activations RENAME TO gone")
    assert site.ask("GET", "/healthz").status == 200
    heard = site.ask("GET", "/readyz")
    assert (heard.status, heard.json["error"]["code"]) == (503, "ledger_unavailable")
    assert "retry-after" in heard.headers


def test_with_tables_older_than_this_version_it_is_not_ready_and_names_the_command(site: Site) -> None:
    with site.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ledger_0001'")
    heard = site.ask("GET", "/readyz")
    assert heard.status == 503
    assert "ledger_0001" in heard.json["error"]["message"]
    assert "optout db upgrade" in heard.json["error"]["hint"]


def test_with_tables_of_a_newer_version_it_goes_on_until_it_is_replaced(site: Site) -> None:
    with site.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ledger_9999'")
    assert site.ask("GET", "/readyz").status == 200


def test_ready_names_the_active_revision(site: Site, rules: ActiveRules) -> None:
    assert site.ask("GET", "/healthz").json == {"status": "alive"}
    assert site.ask("GET", "/readyz").json == {"status": "ready", "ruleset": rules.current().revision}


def test_the_document_describes_every_path_with_its_body_and_its_refusals(site: Site) -> None:
    document = site.ask("GET", "/openapi.json").json
    assert document["info"]["version"] == VERSION
    assert set(document["paths"]) == {
        "/events/call-result",
        "/events/call-started",
        "/events/{connector_name}",
        "/events/{connector_name}/{path_secret}",
        "/healthz",
        "/metrics",
        "/readyz",
        "/suppression",
        "/suppression/check",
        "/suppression/{number}",
    }
    post = document["paths"]["/events/call-result"]["post"]
    assert {"200", "202", "400", "401", "409", "413", "422", "503"} <= set(post["responses"])
    assert [parameter["name"] for parameter in post["parameters"]] == [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]
    reference = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    body = document["components"]["schemas"][reference.rpartition("/")[2]]
    assert set(body["required"]) == {"id", "occurred_at", "call"}
    assert {"facts", "card", "final", "note", "ruleset", "script"} <= set(body["properties"])


def test_the_document_says_how_a_caller_proves_who_it_is(site: Site) -> None:
    document = site.ask("GET", "/openapi.json").json
    schemes, paths = document["components"]["securitySchemes"], document["paths"]
    assert schemes["standard_webhooks"]["name"] == "webhook-signature"
    assert schemes["metrics_token"]["scheme"] == "bearer"
    assert paths["/events/call-result"]["post"]["security"] == [{"standard_webhooks": []}]
    assert paths["/metrics"]["get"]["security"] == [{"metrics_token": []}, {}]


def test_every_field_of_a_call_result_has_its_type(site: Site) -> None:
    schemas = site.ask("GET", "/openapi.json").json["components"]["schemas"]
    for name in ("CallResult", "_Call", "_Card"):
        for field, schema in schemas[name]["properties"].items():
            assert {"type", "$ref", "allOf", "anyOf"} & set(schema), (name, field)


def test_the_document_says_in_which_format_the_metrics_come(site: Site) -> None:
    get = site.ask("GET", "/openapi.json").json["paths"]["/metrics"]["get"]
    assert list(get["responses"]["200"]["content"]) == ["text/plain"]
    assert list(get["responses"]["403"]["content"]) == ["application/json"]
    assert site.ask("GET", "/metrics").headers["content-type"].startswith("text/plain")


def test_the_page_is_found_from_the_root_where_operators_have_none(site: Site) -> None:
    heard = site.ask("GET", "/")
    assert (heard.status, heard.headers["location"]) == (302, "/docs/")


def test_everything_that_the_page_loads_comes_from_here(site: Site) -> None:
    page = site.ask("GET", "/docs/")
    assert page.status == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(loaded) >= 4
    for path in loaded:
        assert path.startswith("/docs/")
        assert site.ask("GET", path).status == 200
    assert b"/openapi.json" in page.body
    assert b'"validatorUrl": null' in page.body


def test_the_page_repeats_nothing_of_the_request(site: Site) -> None:
    page = site.ask("GET", "/docs/", headers={"Host": 'evil"</script>'})
    assert b"evil" not in page.body


@pytest.mark.parametrize(
    "path", [f"/events/testcrm/{PATH_SECRET}", f"/events/othercrm/{PATH_SECRET}", f"/x/{PATH_SECRET}"]
)
def test_the_log_names_the_route_and_never_the_path(site: Site, path: str) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = site.ask("POST", path, b"{}")
    assert ("request" in [line["event"] for line in lines]) == (answer.status >= 400)
    assert PATH_SECRET not in repr(lines)


def test_probes_do_not_fill_the_log_and_call_results_do_appear(site: Site) -> None:
    with structlog.testing.capture_logs() as lines:
        site.ask("GET", "/healthz")
        site.ask("GET", "/readyz")
        site.ask("GET", "/metrics")
        assert lines == []
        site.report(call_result("evt-1"))
    assert [line["event"] for line in lines] == ["events.taken"]
