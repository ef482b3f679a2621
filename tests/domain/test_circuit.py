"""The breaker opens after five failures in a row, and rests longer each time its probe fails."""

from domain.circuit import Breaker, TokenBucket


def _after(failures: int, now_ms: int = 0) -> Breaker:
    breaker = Breaker()
    for _ in range(failures):
        breaker = breaker.failed(now_ms)
    return breaker


def test_four_failures_leave_it_closed_and_the_fifth_opens_it_for_a_minute() -> None:
    assert not _after(4).is_open(0)
    assert _after(5).is_open(59_999)
    assert not _after(5).is_open(60_000)


def test_a_success_forgets_all_failures() -> None:
    breaker = _after(4).succeeded()
    assert breaker == Breaker()
    assert not breaker.failed(0).is_open(0)


def test_after_its_rest_one_probe_is_let_through() -> None:
    breaker = _after(5)
    assert not breaker.is_open(60_000)
    probing = breaker.started()
    assert probing.is_open(60_001)
    assert not probing.succeeded().is_open(60_001)


def test_a_probe_that_was_never_made_may_be_made_again() -> None:
    assert not _after(5).started().spared().is_open(60_000)


def test_a_failed_probe_doubles_the_rest_up_to_fifteen_minutes() -> None:
    breaker, now_ms, rests = _after(5), 0, []
    for _ in range(7):
        assert breaker.open_until_ms is not None
        rests.append((breaker.open_until_ms - now_ms) // 1000)
        now_ms = breaker.open_until_ms
        breaker = breaker.started().failed(now_ms)
    assert rests == [60, 120, 240, 480, 900, 900, 900]


def test_after_a_successful_probe_it_takes_five_failures_again() -> None:
    breaker = _after(5).started().failed(60_000).started().succeeded()
    for _ in range(4):
        breaker = breaker.failed(500_000)
    assert not breaker.is_open(500_000)
    breaker = breaker.failed(500_000)
    assert breaker.open_until_ms == 560_000


def test_a_call_of_a_closed_breaker_is_no_probe() -> None:
    assert not _after(3).started().is_open(0)


def test_a_bucket_gives_its_burst_and_then_refills() -> None:
    bucket = TokenBucket(burst=2, refill_ms=1000, tokens=2, at_ms=0)
    for now_ms, given in ((0, True), (0, True), (0, False), (999, False), (1000, True), (1500, False), (2000, True)):
        taken = bucket.taken(now_ms)
        assert (taken is not None) is given, now_ms
        bucket = taken or bucket


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(burst=2, refill_ms=1000, tokens=0, at_ms=0)
    first = bucket.taken(3_600_000)
    assert first is not None
    second = first.taken(3_600_000)
    assert second is not None
    assert second.taken(3_600_000) is None
