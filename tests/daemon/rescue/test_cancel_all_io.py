from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from daemon.rescue.cancel_all_io import CancelAllLimits, CancelAllRequest, cancel_everything, run_cancel_all
from daemon.system_clock import SystemClock
from domain.backoff import Backoff
from domain.clock import Clock, Now
from domain.hosts import Posture
from journal.marker_io import read_cancel_all
from tests.execution.kalshi.kalshi_fake import Reply, Seen, ed_key, fake_exchange, pem_of, reply, rsa_key

QUICK = CancelAllLimits(
    give_up_after_ms=3_000,
    answer_ms=200,
    settle_ms=30,
    list_every_ms=2,
    backoff=Backoff(2, 8),
    batch_max=2,
)
BRIEF = CancelAllLimits(give_up_after_ms=150, answer_ms=50, settle_ms=10, list_every_ms=2, backoff=Backoff(2, 8))
ORDERS = "/trade-api/v2/portfolio/events/orders"

PAPER = Posture.PAPER


def order(ident: str) -> dict[str, object]:
    return {
        "order_id": ident,
        "client_order_id": f"ladderd-1-{ident}",
        "ticker": "KXINXU-26NOV23H1200-T6844.9999",
        "book_side": "bid",
        "status": "resting",
        "yes_price_dollars": "0.4400",
        "fill_count_fp": "0.00",
        "remaining_count_fp": "5.00",
        "initial_count_fp": "5.00",
        "exchange_index": 2,
    }


class Exchange:
    """Orders that rest, a cancel-all and a batch that can be told to fail, and a list that can lag behind."""

    def __init__(self, resting: int = 3) -> None:
        self.resting = [str(number) for number in range(resting)]
        self.log: list[str] = []
        self.cancel_all: Callable[[], Reply] = self.obey
        self.batches_work = True
        self.lag_lists = 0
        self.list_fails = 0

    def obey(self) -> Reply:
        self.resting.clear()
        return reply(204)

    def __call__(self, seen: Seen) -> Reply:
        if seen.method == "DELETE" and seen.path == ORDERS:
            self.log.append("all")
            return self.cancel_all()
        if seen.method == "DELETE":
            ids = (
                [seen.path.rsplit("/", 1)[1]]
                if not seen.body
                else [o["order_id"] for o in json.loads(seen.body)["orders"]]
            )
            self.log.append(f"ids {len(ids)}")
            if not self.batches_work:
                return reply(503)
            self.resting = [each for each in self.resting if each not in ids]
            items = [{"order_id": each, "reduced_by": "5.00", "ts_ms": 1} for each in ids]
            return reply(200, items[0] if len(ids) == 1 else {"orders": items})
        assert "status=resting" in seen.query
        self.log.append("list")
        if self.list_fails:
            self.list_fails -= 1
            return reply(500)
        if self.lag_lists:
            self.lag_lists -= 1
            return reply(200, {"orders": [order("lagging")], "cursor": ""})
        return reply(200, {"orders": [order(each) for each in self.resting], "cursor": ""})


def asked(
    url: str,
    state_dir: Path | None,
    *,
    limits: CancelAllLimits = QUICK,
    pem: bytes = b"",
    subaccount: int | None = None,
) -> CancelAllRequest:
    key = pem or pem_of(ed_key())
    return CancelAllRequest(url, "k", key, "operator_cli", state_dir, PAPER, subaccount=subaccount, limits=limits)


async def run(
    exchange: Exchange,
    state_dir: Path | None,
    limits: CancelAllLimits = QUICK,
    clock: Clock | None = None,
    pem: bytes = b"",
) -> tuple[int, str]:
    lines: list[str] = []
    async with fake_exchange(exchange) as fake:
        code = await cancel_everything(
            asked(fake.base_url, state_dir, pem=pem, limits=limits),
            clock or SystemClock(),
            lines.append,
        )
    assert all("\n" not in line and line.startswith("cancel-all: ") for line in lines)
    return code, "\n".join(lines)


@pytest.mark.parametrize("pem", [pem_of(ed_key()), pem_of(rsa_key())], ids=["ed25519", "rsa"])
async def test_one_request_and_two_late_empty_lists_are_flat(tmp_path: Path, pem: bytes) -> None:
    exchange = Exchange()
    code, text = await run(exchange, tmp_path, pem=pem)
    assert code == 0
    assert exchange.log[0] == "all"
    assert exchange.log.count("all") == 1
    assert not any(line.startswith("ids") for line in exchange.log)
    assert "flat: the list first read empty after" in text
    [marker] = read_cancel_all(tmp_path, 0)
    assert (marker.done, marker.reason, marker.epoch) == (True, "operator_cli", 0)


async def test_early_empty_lists_prove_nothing(tmp_path: Path) -> None:
    """The list is empty from the first moment, and still the run watches it for the settling time."""
    begun = time.monotonic()
    code, _ = await run(Exchange(0), tmp_path)
    assert code == 0
    assert time.monotonic() - begun >= 0.030


async def test_the_marker_is_there_before_the_first_request(tmp_path: Path) -> None:
    exchange = Exchange()
    seen: list[bool] = []

    def look() -> Reply:
        seen.extend(marker.done for marker in read_cancel_all(tmp_path, 0))
        return exchange.obey()

    exchange.cancel_all = look
    await run(exchange, tmp_path)
    assert seen == [False]


async def test_a_lagging_list_is_waited_out(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.lag_lists = 3
    # Room for three answers within the settling time on a busy machine: what is listed after it is cancelled again.
    code, text = await run(exchange, tmp_path, msgspec.structs.replace(QUICK, settle_ms=500))
    assert code == 0
    assert exchange.log.count("all") == 1
    assert "still rest" not in text


@pytest.mark.parametrize("failing", [reply(503), reply(429, {"error": "too many requests"}), None, b""])
async def test_a_failing_cancel_all_is_asked_for_again_and_orders_go_by_id_meanwhile(
    tmp_path: Path, failing: Reply
) -> None:
    exchange = Exchange()
    answers = [failing, failing]

    def cancel_all() -> Reply:
        return answers.pop() if answers else exchange.obey()

    exchange.cancel_all = cancel_all
    code, _ = await run(exchange, tmp_path)
    assert code == 0
    assert exchange.log.count("all") == 3
    assert "ids 2" in exchange.log
    assert "ids 1" in exchange.log


async def test_a_cancel_all_that_never_works_still_ends_flat_by_ids(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.cancel_all = lambda: reply(404, {"error": {"code": "not_found"}})
    code, text = await run(exchange, tmp_path)
    assert code == 0
    assert exchange.resting == []
    assert "not accepted: HTTP 404 not_found" in text


async def test_one_late_empty_list_is_not_enough(tmp_path: Path) -> None:
    """An order that was still travelling shows up between the two."""
    exchange = Exchange()
    fresh: list[float] = []

    def script(seen: Seen) -> Reply:
        answer = exchange(seen)
        if exchange.log[-1] == "all":
            fresh.append(time.monotonic())
        elif len(fresh) == 1 and time.monotonic() - fresh[0] > 0.030:
            exchange.resting.append("late")
            fresh.append(0.0)
        return answer

    async with fake_exchange(script) as fake:
        code = await cancel_everything(
            asked(fake.base_url, tmp_path),
            SystemClock(),
            lambda _: None,
        )
    assert code == 0
    assert exchange.resting == []
    assert exchange.log.count("all") == 2


async def test_stragglers_are_cancelled_again_by_their_ids(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.cancel_all = lambda: reply(204)  # accepted, and nothing happens
    code, text = await run(exchange, tmp_path)
    assert code == 0
    assert "3 orders still rest" in text
    assert exchange.log.count("all") == 2


async def test_not_flat_in_time_leaves_the_request_open(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.cancel_all = lambda: reply(409, {"error": {"code": "exchange_is_paused"}})
    exchange.batches_work = False
    code, text = await run(exchange, tmp_path, BRIEF)
    assert code == 1
    assert "NOT flat" in text
    assert [marker.done for marker in read_cancel_all(tmp_path, 0)] == [False]


async def test_a_list_that_cannot_be_read_is_no_proof(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.list_fails = 1_000_000
    code, text = await run(exchange, tmp_path, BRIEF)
    assert code == 1
    assert "the list cannot be read" in text


async def test_lists_that_fail_now_and_then_are_read_again(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.list_fails = 3
    assert (await run(exchange, tmp_path))[0] == 0


def test_a_request_shows_no_key_in_any_text() -> None:
    pem = pem_of(ed_key())
    request = CancelAllRequest("http://127.0.0.1:9/x", "key-id-of-ours", pem, "drill", None, PAPER)
    assert str(request) == repr(request) == "CancelAllRequest(http://127.0.0.1:9/x, drill, by cancel-all)"


async def test_nobody_there_is_69(tmp_path: Path) -> None:
    lines: list[str] = []
    code = await cancel_everything(
        asked("http://127.0.0.1:9/trade-api/v2", tmp_path, limits=BRIEF),
        SystemClock(),
        lines.append,
    )
    assert code == 69
    assert "never answered" in lines[-1]
    assert [marker.done for marker in read_cancel_all(tmp_path, 0)] == [False]


async def test_without_a_marker_it_cancels_all_the_same_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "cancel_all").write_text("in the way")
    exchange = Exchange()
    code, text = await run(exchange, tmp_path)
    assert code == 1
    assert exchange.resting == []
    assert "the marker was not written" in text
    assert "flat:" in text


class SlowClock:
    """A wall clock that is half a minute behind the exchange's."""

    def now(self) -> Now:
        return Now(time.monotonic_ns(), time.time_ns() - 30_000_000_000)


async def test_a_machine_whose_clock_is_off_goes_by_the_exchanges(tmp_path: Path) -> None:
    exchange = Exchange()
    stamps: list[int] = []

    def script(seen: Seen) -> Reply:
        stamps.append(int(seen.headers["kalshi-access-timestamp"]))
        if abs(stamps[-1] - time.time() * 1000) > 5_000:
            date = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime())
            return reply(401, {"error": {"code": "header_timestamp_expired"}}, date)
        return exchange(seen)

    lines: list[str] = []
    async with fake_exchange(script) as fake:
        code = await cancel_everything(
            asked(fake.base_url, tmp_path),
            SlowClock(),
            lines.append,
        )
    assert code == 0
    assert any("clock is off by" in line for line in lines)


@pytest.mark.parametrize(
    ("url", "key_id", "pem", "says"),
    [
        ("http://127.0.0.1:9/x", "k", b"junk", "private key"),
        ("http://127.0.0.1:9/x", "", pem_of(ed_key()), "key id"),
        ("127.0.0.1", "k", pem_of(ed_key()), "exchange address"),
        ("https://external-api.kalshi.com/trade-api/v2", "k", pem_of(ed_key()), "paper mode only writes"),
    ],
)
def test_bad_key_or_address_is_78_in_one_line_and_the_request_stands(
    tmp_path: Path, url: str, key_id: str, pem: bytes, says: str
) -> None:
    """A daemon with a good key acts on the marker."""
    lines: list[str] = []
    code = run_cancel_all(CancelAllRequest(url, key_id, pem, "operator_cli", tmp_path, PAPER), lines.append)
    assert code == 78
    assert says in lines[-1]
    assert "\n" not in lines[-1]
    assert len(read_cancel_all(tmp_path, 0)) == 1


async def test_a_refused_key_is_a_matter_of_configuration(tmp_path: Path) -> None:
    exchange = Exchange()
    exchange.cancel_all = lambda: reply(401, {"error": {"code": "authentication_error", "details": "NOT_FOUND"}})
    async with fake_exchange(exchange) as fake:
        with pytest.raises(Exception, match="exchange refused the key: authentication_error"):
            await cancel_everything(
                asked(fake.base_url, tmp_path),
                SystemClock(),
                lambda _: None,
            )


async def test_a_subaccount_narrows_everything() -> None:
    queries: list[str] = []
    exchange = Exchange()

    def script(seen: Seen) -> Reply:
        queries.append(seen.query)
        return exchange(seen)

    async with fake_exchange(script) as fake:
        await cancel_everything(
            asked(fake.base_url, None, subaccount=4),
            SystemClock(),
            lambda _: None,
        )
    assert all("subaccount=4" in query for query in queries)
