"""Room for connections: the oldest of one address goes first."""

from web.unfinished import Unfinished


def table(**limits):
    cut = []
    return Unfinished(**limits), cut


def test_one_too_many_of_an_address_ends_its_oldest():
    unfinished, cut = table(per_address=2, of_all=9)
    for key, address in (("a", "1.1.1.1"), ("x", "2.2.2.2"), ("b", "1.1.1.1"), ("c", "1.1.1.1")):
        unfinished.add(key, address, lambda key=key: cut.append(key))
    assert cut == ["a"]
    assert len(unfinished) == 3


def test_one_too_many_of_all_ends_the_oldest_of_all():
    unfinished, cut = table(per_address=9, of_all=2)
    for number in range(4):
        unfinished.add(number, f"1.1.1.{number}", lambda number=number: cut.append(number))
    assert cut == [0, 1]


def test_what_is_answered_makes_room():
    unfinished, cut = table(per_address=1, of_all=9)
    for number in range(3):
        unfinished.add(number, "1.1.1.1", lambda number=number: cut.append(number))
        unfinished.remove(number)
        unfinished.remove(number)
    assert cut == []
    assert len(unfinished) == 0


def test_a_proxy_stands_for_many():
    unfinished, cut = table(per_address=1, of_all=3)
    for number in range(4):
        unfinished.add(number, None, lambda number=number: cut.append(number))
    assert cut == [0]


def test_waiting_anew_makes_a_connection_the_newest():
    unfinished, cut = table(per_address=2, of_all=9)
    for key in ("a", "b", "a", "c"):
        unfinished.add(key, "1.1.1.1", lambda key=key: cut.append(key))
    assert cut == ["b"]
