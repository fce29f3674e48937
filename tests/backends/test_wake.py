import select

from gateway.backends.wake import Wake
from tests.support.leaks import check_leaks


def readable(wake: Wake) -> bool:
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    return bool(poll.poll(0))


def test_it_is_readable_from_set_until_clear() -> None:
    wake = Wake()
    assert not readable(wake)
    wake.set()
    wake.set()
    assert readable(wake)
    wake.clear()
    assert not readable(wake)
    wake.clear()
    wake.close()


def test_setting_it_ever_so_often_never_blocks_and_one_clear_takes_all() -> None:
    wake = Wake()
    for _ in range(70_000):
        wake.set()
    wake.clear()
    assert not readable(wake)
    wake.close()


def test_after_close_it_holds_nothing_and_set_does_nothing() -> None:
    with check_leaks():
        wake = Wake()
        wake.close()
        wake.close()
        wake.set()
