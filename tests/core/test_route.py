"""Route: an ordered choice of backends, for reading and for writing."""

from gateway.core.route import Route


def test_a_route_names_each_backend_once_in_order_of_preference() -> None:
    assert Route(("acl", "dpm"), ("dmq", "dpm")).names == ("acl", "dpm", "dmq")


def test_its_text_tells_of_writing_only_where_that_goes_another_way() -> None:
    assert Route(("dpm", "acl"), ("dpm", "acl")).text(writing=True) == "dpm, acl"
    assert Route(("dpm", "acl"), ("dpm",)).text(writing=True) == "read dpm, acl; write dpm"
    assert Route(("dpm", "acl"), ("dpm",)).text(writing=False) == "dpm, acl"
