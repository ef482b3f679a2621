"""The pages Quorum, Why, Bots, News and System on a whole desk: what they show is what the database says."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml
from playwright.sync_api import Locator, Page, expect

from domain.views import iso
from tests.browser.driving import DIST, MINUS, PAGE_NAMES, turn_to
from tests.browser.stored import stored
from tests.system.client import Client, order
from tests.system.desk_process import DeskProcess
from tests.system.quiet import DATABASE, PAIRS, quiet, wait_for_market

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(180)]

expect.set_options(timeout=60_000)  # on a busy machine

OPERATOR, VIEWER = "operator-token-of-the-tests-0123456789", "viewer-token-of-the-tests-0123456789ab"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """One desk for all these tests, with a token for each role."""
    if not DIST.is_file():
        pytest.skip("the dashboard is not built: make setup")
    variables = {"HUB_OPERATOR_TOKEN": OPERATOR, "HUB_VIEWER_TOKEN": VIEWER}
    desk = DeskProcess(tmp_path_factory.mktemp("desk"), settings(), **variables)
    try:
        with Client(desk.start().address, token=OPERATOR) as client:
            wait_for_market(client)
            client.ask("start_bot")
            client.wait("bot_trade_executed", seconds=90)
            client.ask("stop_bot")
            client.wait(is_refusal, since=client.mark, seconds=60, what="two decisions of ETHUSDT not to trade")
            client.wait(is_refusal, since=client.mark, seconds=60, what="the second of them")
            client.ask("stop_analysis")
        yield desk
    finally:
        desk.clean_up()


def is_refusal(frame: dict[str, Any]) -> bool:
    """Whether it tells that ETHUSDT was not traded because the bots are off."""
    data = frame["data"]
    return frame["type"] == "decision" and (data["symbol"], data.get("gate")) == ("ETHUSDT", "trading_off")


def settings(**server: Any) -> dict[str, Any]:
    return quiet(**server)


@pytest.fixture
def console(page: Page) -> Iterator[list[str]]:
    """What the page complains about: nothing."""
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    yield complaints
    assert complaints == []


@pytest.fixture
def operator(page: Page, desk: DeskProcess, console: list[str]) -> Page:
    page.goto(f"{desk.address}/?token={OPERATOR}")
    expect(page.locator("#connection")).to_have_text("Connected")
    return page


def client(desk: DeskProcess) -> Client:
    return Client(desk.address, token=OPERATOR)


def documents(desk: DeskProcess, collection: str, **where: Any) -> list[dict[str, Any]]:
    return stored(desk.folder, DATABASE, collection, **where)


def texts(rows: Locator) -> list[list[str]]:
    """Return the cells of a table's rows."""
    return [row.locator("th, td").all_inner_texts() for row in rows.all()]


def share(number: float) -> str:
    """Return a fraction as the page writes it: whole percents, halves away from zero."""
    return f"{int(number * 100 + 0.5)} %"


def test_the_matrix_shows_the_opinions_of_the_last_round_and_their_reasons(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "Quorum")
    for pair in PAIRS:
        newest = next(each for each in documents(desk, "decisions", symbol=pair) if "signal" in each)
        row = operator.locator(f".matrix tr[data-symbol={pair}]")
        said = {each["analyst"]: each for each in newest["signal"]["opinions"]}
        assert said, newest
        for analyst, opinion in said.items():
            cell = row.locator(f"td[data-name={analyst}] .verdict")
            expect(cell).to_contain_text(opinion["action"])
            expect(cell).to_contain_text(share(opinion["confidence"]))
        expect(row.locator("td.signal .verdict")).to_contain_text(newest["signal"]["action"])
    row.locator(f"td[data-name={analyst}] button").click()
    expect(operator.locator("#reasons")).to_contain_text(opinion["reasoning"])
    row.locator("td.signal button").click()
    score = operator.locator("#reasons .votes .sum .number").last
    assert float(score.inner_text().replace(MINUS, "-")) == pytest.approx(newest["signal"]["score"], abs=0.0006)


def test_the_scorecards_are_those_of_the_desk(operator: Page, desk: DeskProcess) -> None:
    with client(desk) as session:
        analysts = session.ask("get_analysts")["data"]["analysts"]
    turn_to(operator, "Quorum")
    for analyst in analysts:
        card = operator.locator(f".scorecard[data-analyst={analyst['name']}]")
        expect(card).to_contain_text(f"{analyst['opinions']:,} opinions")
        if analyst["model"] == "technical":
            expect(card).to_contain_text("costs nothing")
        else:
            assert len(documents(desk, "llm_calls", analyst=analyst["name"], outcome="ok")) >= analyst["calls"] > 0
            expect(card).to_contain_text(f"{analyst['calls']} calls")
            expect(card.get_by_role("meter")).to_be_visible()


def test_the_decisions_are_those_of_the_database_each_with_its_gates(operator: Page, desk: DeskProcess) -> None:
    kept = documents(desk, "decisions", limit=60)
    turn_to(operator, "Why")
    rows = operator.locator("#decision-list [role=option]")
    expect(rows.first).to_be_visible()
    assert int(rows.first.get_attribute("aria-setsize") or 0) >= min(100, len(kept))
    assert rows.count() < 60  # only those in sight are drawn
    blocked = next(each for each in kept if each["outcome"] == "blocked" and "signal" in each)
    operator.goto(f"{desk.address}/#/why?id={blocked['_id']}")
    trace = operator.locator("#trace-of")
    expect(trace).to_have_attribute("data-decision", blocked["_id"])
    expect(trace.locator(".explanation")).to_have_text(blocked["explanation"])
    shown = texts(trace.locator(".gates tbody tr"))
    for number, (check, row) in enumerate(zip(blocked["checks"], shown, strict=False), 1):
        result = "passed" if check["passed"] else "stopped here"
        assert row == [str(number), check["gate"].replace("_", " "), check["value"], check["limit"], result]
    assert len(shown) == len(blocked["checks"])
    expect(trace.locator("#unreached")).to_contain_text("slippage")
    expect(trace.locator("#needed")).to_contain_text("What would have had to be different")
    expect(trace.locator("#inputs")).to_contain_text("rsi 14")
    expect(trace.locator(".moment")).to_have_attribute("data-at", str(blocked["ts"] // 60_000 * 60_000))
    expect(trace.locator(".moment canvas").first).to_be_visible()


def test_the_feed_is_filtered_and_walked_with_the_keys(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "Why")
    operator.select_option("#filter-outcome", "traded")
    rows = operator.locator("#decision-list [role=option]")
    traded = documents(desk, "decisions", outcome="traded")
    expect(rows.first).to_have_attribute("aria-setsize", str(min(100, len(traded))))
    assert all("traded" in text for text in rows.all_inner_texts())
    rows.first.click()
    expect(operator.locator("#trace-of")).to_have_attribute("data-decision", traded[0]["_id"])
    expect(operator.locator("#unreached")).to_have_count(0)
    operator.select_option("#filter-outcome", "")
    operator.select_option("#filter-gate", "trading_off")
    found = documents(desk, "decisions", gate="trading_off")
    expect(rows.first).to_have_attribute("aria-setsize", str(min(100, len(found))))
    operator.select_option("#filter-pair", "ETHUSDT")
    expect(rows.first).to_contain_text("ETH")
    assert all("ETH" in text and "trading off" in text for text in rows.all_inner_texts())
    operator.select_option("#filter-gate", "")
    expect(rows.nth(1)).to_contain_text("ETH")
    rows.first.click()
    first = operator.locator("#trace-of").get_attribute("data-decision")
    operator.keyboard.press("ArrowDown")
    expect(operator.locator("#decision-list [aria-selected=true]")).to_have_attribute("aria-posinset", "2")
    assert operator.locator("#trace-of").get_attribute("data-decision") != first


def test_a_setting_is_checked_as_it_is_typed_saved_to_the_journal_and_set_back(
    operator: Page, desk: DeskProcess
) -> None:
    turn_to(operator, "Bots")
    setting = operator.locator(".setting[data-key=leverage]")
    setting.locator("input").fill("21")
    expect(setting.locator(".problem")).to_have_text("Must be a whole number from 1 to 20.")
    expect(operator.locator("#save-settings")).to_be_disabled()
    setting.locator("input").fill("3")
    operator.locator(".setting[data-key=allow_short] button[role=switch]").click()
    operator.click("#save-settings")
    expect(operator.locator("#notice")).to_contain_text("2 settings of all pairs changed")
    expect(setting).to_contain_text("settings.yaml: 1")
    newest = documents(desk, "journal", type="control")[0]["control"]
    assert {each["key"]: each["value"] for each in newest["defaults"]} == {"leverage": 3, "allow_short": False}
    setting.get_by_role("button", name="Set back").click()
    expect(setting.locator("input")).to_have_value("1")
    expect(setting).not_to_contain_text("settings.yaml")
    newest = documents(desk, "journal", type="control")[0]["control"]
    assert {each["key"] for each in newest["defaults"]} == {"allow_short"}
    operator.locator(".setting[data-key=allow_short]").get_by_role("button", name="Set back").click()
    expect(operator.locator(".setting[data-key=allow_short] [role=switch]")).to_have_attribute("aria-checked", "true")


def test_a_pair_has_its_own_settings_and_is_switched_off_alone(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "Bots")
    operator.select_option("#settings-scope", "SOLUSDT")
    expect(operator.locator("#bot-settings h2")).to_have_text("Settings of SOLUSDT")
    setting = operator.locator(".setting[data-key=cooldown_secs]")
    setting.locator("input").fill("77")
    operator.click("#save-settings")
    expect(setting).to_contain_text("all pairs: 0")
    operator.get_by_role("switch", name="Only what differs").click()
    assert operator.locator(".setting").count() == 1
    row = operator.locator("#pairs-table tr[data-symbol=SOLUSDT]")
    row.get_by_role("switch").click()
    expect(row).to_have_attribute("data-status", "disabled")
    with client(desk) as session:
        config = session.ask("get_bot_config", symbol="SOLUSDT")["data"]["config"]
        assert (config["cooldown_secs"], config["enabled"]) == (77, False)
        assert session.ask("get_bot_config", symbol="ETHUSDT")["data"]["config"]["cooldown_secs"] == 0
    row.get_by_role("switch").click()
    expect(row).to_have_attribute("data-status", re.compile("idle|cooldown"))
    setting.get_by_role("button", name="Set back").click()
    expect(setting).to_have_count(0)
    operator.locator(".setting[data-key=enabled]").get_by_role("button", name="Set back").click()
    expect(operator.locator("#bot-settings")).to_contain_text("Nothing differs.")


def test_a_pair_that_rests_shows_its_clock(operator: Page, desk: DeskProcess) -> None:
    with client(desk) as session:
        session.ask("update_bot_config", cooldown_secs=100_000)
        session.wait(lambda frame: "cooldown" in frame["data"]["pair_status"].values() if is_status(frame) else False)
        until_ms = session.ask("get_bot_status")["data"]["pair_until"]
    turn_to(operator, "Bots")
    pair = next(iter(until_ms))
    clock = operator.locator(f"#pairs-table tr[data-symbol={pair}] .countdown")
    expect(clock).to_have_text(re.compile(r"\d+:\d\d:\d\d"))
    assert clock.get_attribute("datetime") == iso(int(until_ms[pair]))
    with client(desk) as session:
        session.ask("update_bot_config", reset=["cooldown_secs"])
    expect(clock).to_have_count(0)


def is_status(frame: dict[str, Any]) -> bool:
    return frame["type"] == "bot_status_response" and "pair_status" in frame["data"]


def test_trades_wait_for_the_operator_who_accepts_one_and_rejects_another(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "Bots")
    operator.get_by_label("Find a setting").fill("manual approval")
    operator.locator(".setting[data-key=manual_approval_mode] [role=switch]").click()
    operator.click("#save-settings")
    expect(operator.locator("#approvals")).to_contain_text("While approval by hand is on")
    operator.click("#bot-toggle")
    waiting = operator.locator("#approvals li")
    expect(waiting.nth(1)).to_be_visible()
    expect(waiting.first.locator(".countdown")).to_have_text(re.compile(r"\d+:\d\d"))
    rejected = waiting.nth(1).get_attribute("data-symbol")
    accepted = waiting.first.get_attribute("data-symbol")
    operator.locator(f"#approvals li[data-symbol={rejected}]").get_by_role("button", name="Reject").click()
    expect(operator.locator("#notice")).to_contain_text(f"Trade in {rejected} rejected.")
    mine = operator.locator(f"#approvals li[data-symbol={accepted}]")
    mine.get_by_label("Size, if another").fill("123")
    before = documents(desk, "journal", limit=1)[0]["seq"]
    mine.get_by_role("button", name="Accept").click()
    expect(operator.locator("#notice")).to_contain_text(f"Trade in {accepted} accepted.")
    (order,) = documents(desk, "journal", limit=1, type="order", **{"order.symbol": accepted, "seq": {"$gt": before}})
    assert float(order["order"]["quantity"]) > 0
    operator.click("#bot-toggle")
    expect(operator.locator("#bot-state")).to_have_text("stopped")
    with client(desk) as session:
        session.ask("update_bot_config", reset=["manual_approval_mode"])
        session.ask("stop_analysis")
    expect(operator.locator("#approvals")).to_have_count(0)


def test_the_news_are_those_of_the_database_and_their_mood_adds_up(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "News")
    kept = {each["_id"]: each for each in documents(desk, "news")}
    with client(desk) as session:
        data = session.ask("get_news_data", limit=500)["data"]
    operator.select_option("#news-pair", "BTCUSDT")
    first = next(each for each in data["news"] if "BTCUSDT" in each["symbols"] and each["id"] in kept)
    assert kept[first["id"]]["title"] == first["title"]
    operator.get_by_label("Find a story").fill(first["title"])
    expect(operator.locator("#news-list [role=listitem]").first).to_contain_text(first["title"])
    expect(operator.locator("#fear-greed")).to_contain_text(
        f"{data['fear_greed']['value']} {data['fear_greed']['label']}"
    )
    expect(operator.locator("#news-sources")).to_contain_text("coinwire")
    row = operator.locator("#moods tr[data-symbol=BTCUSDT]")
    count = int(row.locator("td.number").nth(1).inner_text())
    ours = sorted((each for each in kept.values() if "BTCUSDT" in each["pairs"]), key=lambda each: each["ts"])
    assert count >= len([each for each in data["news"] if "BTCUSDT" in each["symbols"]])
    mean = sum(each["sentiment"] for each in ours[-count:]) / count
    shown = float(re.sub(r"[▲▼+]", "", row.locator("td.number").first.inner_text()).replace(MINUS, "-"))
    assert shown == pytest.approx(mean, abs=0.2)  # stories go on coming


def test_the_system_page_shows_the_actors_the_journals_head_and_its_audit(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "System")
    with client(desk) as session:
        actors = session.ask("get_health")["data"]["actors"]
    for name, actor in actors.items():
        row = operator.locator(f"tr[data-actor={name}]")
        expect(row).to_contain_text(actor["state"])
        assert row.locator("td.number").first.inner_text() == str(actor["restarts"])
    assert operator.locator("tr[data-actor]").count() == len(actors)
    head = documents(desk, "journal", limit=1)[0]
    expect(operator.locator("#ledger-seq")).to_have_text(str(head["seq"]))
    expect(operator.locator(".hash")).to_have_text(head["hash"][:16])
    expect(operator.locator("#audit")).to_contain_text("nothing is wrong")
    audited = int(operator.locator("#audit-seq").inner_text())  # read first: another audit may end meanwhile
    assert audited in {each["seq"] for each in documents(desk, "audits")}
    expect(operator.locator("#system-market tr[data-symbol=BTCUSDT]")).to_contain_text("fresh")
    expect(operator.locator("#logs")).to_contain_text("stop_analysis of")
    operator.get_by_label("Find in the log").fill("nothing says this")
    expect(operator.locator("#logs")).to_contain_text("No line fits.")


def test_the_settings_are_read_again_and_the_answer_is_shown(operator: Page, desk: DeskProcess) -> None:
    turn_to(operator, "System")
    written = yaml.safe_load(desk.settings.read_text())
    desk.settings.write_text(yaml.safe_dump({**written, "analysis": {**written["analysis"], "interval_seconds": 7}}))
    before = operator.locator("#settings-hash").inner_text()
    operator.click("#reload-settings")
    expect(operator.locator("#reload-answer")).to_contain_text("1 value changed")
    expect(operator.locator("#reload-answer")).to_contain_text("analysis.interval_seconds")
    expect(operator.locator("#settings-hash")).not_to_have_text(before)
    desk.settings.write_text(yaml.safe_dump({**written, "analysis": {"interval_seconds": "soon"}}))
    operator.click("#reload-settings")
    expect(operator.locator("#reload-answer")).to_contain_text("the settings stay as they were")
    expect(operator.locator("#reload-answer")).to_contain_text("analysis.interval_seconds: must be")
    desk.settings.write_text(yaml.safe_dump(written))
    operator.click("#reload-settings")
    expect(operator.locator("#settings-hash")).to_have_text(before)


def test_a_viewer_is_shown_no_commands(page: Page, desk: DeskProcess, console: list[str]) -> None:
    with client(desk) as session:
        price = Decimal(session.ask("get_crypto_data", symbol="SOLUSDT")["data"]["SOLUSDT"]["current_price"])
        bought = order(symbol="SOLUSDT", direction="buy", amount=1, stop_loss=f"{price * Decimal('0.9'):.2f}")
        low = f"{price * Decimal('0.8'):.2f}"
        rests = order(symbol="SOLUSDT", direction="buy", amount=1, order_type="limit", price=low)
        session.ask("execute_trade", **bought)
        session.ask("execute_trade", **rests)
    page.goto(f"{desk.address}/?token={VIEWER}")
    for name in PAGE_NAMES:
        page.goto(f"{desk.address}/#/{name}")
        expect(page.locator("#connection")).to_have_text("Connected")
        expect(page.locator("main .panel").first).to_be_visible()
        for command in ("#bot-toggle", "#analysis-toggle", "#reload-settings", "#save-settings", "#ticket"):
            expect(page.locator(command)).to_have_count(0)
    page.goto(f"{desk.address}/#/desk")
    page.click(".pair[data-symbol=SOLUSDT]")
    expect(page.locator("#positions tr[data-symbol=SOLUSDT]")).to_be_visible()
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    for command in ("td.actions", "#chart .handle"):
        expect(page.locator(command)).to_have_count(0)
    page.goto(f"{desk.address}/#/bots")
    expect(page.locator(".setting[data-key=leverage] input")).to_be_disabled()
    assert page.locator("#pairs-table [role=switch]").count() == 0
    page.goto(f"{desk.address}/#/system")
    expect(page.locator("#logs .log-lines p").first).to_be_visible()


def test_figures_of_a_lost_desk_are_marked_until_it_is_back(page: Page, desk: DeskProcess) -> None:
    page.goto(f"{desk.address}/?token={OPERATOR}")
    expect(page.locator("#connection")).to_have_text("Connected")
    turn_to(page, "Quorum")
    expect(page.locator(".matrix .verdict").first).to_be_visible()
    desk.write_settings(settings(port=int(desk.address.rpartition(":")[2])))  # the same one after the restart
    desk.terminate()
    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("main")).to_have_class(re.compile("doubtful"))
    turn_to(page, "Bots")
    expect(page.locator("#bot-toggle")).to_be_disabled()
    loaded = page.evaluate("performance.timeOrigin")
    desk.start()
    expect(page.locator("#connection")).to_have_text("Connected", timeout=90_000)
    expect(page.locator("#bot-toggle")).to_be_enabled()
    turn_to(page, "Why")
    kept = documents(desk, "decisions", limit=1)[0]
    expect(page.locator("#decision-list [role=option]").first).to_contain_text(kept["explanation"])
    turn_to(page, "System")
    expect(page.locator("#logs")).to_contain_text("audited up to seq")
    assert page.evaluate("performance.timeOrigin") == loaded
