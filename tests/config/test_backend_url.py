"""Backend URLs: every part that can be wrong is named, with what would be right."""

import pytest

from gateway.config.backend_url import SCHEMES, BackendUrl, capability_table
from gateway.core.errors import BadUrl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dpm+http://h", BackendUrl("dpm+http", "h", 6802)),
        ("dpm+http://h:7000/", BackendUrl("dpm+http", "h", 7000)),
        ("dpm+http://h?role=testing", BackendUrl("dpm+http", "h", 6802, query={"role": "testing"})),
        ("dpm+grpc://[::1]:1", BackendUrl("dpm+grpc", "[::1]", 1)),
        ("dmq://h/vh", BackendUrl("dmq", "h", 5672, path="/vh")),
        (
            "acl+https://h/cgi-bin/acl.pl?period=2.5",
            BackendUrl("acl+https", "h", 443, "", "/cgi-bin/acl.pl", {"period": "2.5"}),
        ),
        ("acl+http://h/a%20b", BackendUrl("acl+http", "h", 80, path="/a b")),
        ("acl+ssh://me@clx?jump=g", BackendUrl("acl+ssh", "clx", 22, "me", query={"jump": "g"})),
        ("sim:", BackendUrl("sim")),
        ("sim:my.yaml", BackendUrl("sim", path="my.yaml")),
    ],
)
def test_a_url_is_taken_apart_and_gets_its_default_port(text: str, expected: BackendUrl) -> None:
    assert expected == BackendUrl.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "write for example dpm+http://host:6802"),
        ("dpm+http://h /", "is no URL"),
        ("dpn+http://h", "unknown scheme 'dpn+http'; did you mean 'dpm+http'?"),
        ("qqqqqqqqqqqq://h", "valid are acl+http, acl+https"),
        ("dpm+http://h#x", "leave out '#x'"),
        ("dpm+http://h/path", "dpm+http has no path; leave out '/path'"),
        ("sim://host", "sim has no host"),
        ("dpm+http:", "the host is absent"),
        ("dpm+http://:6802", "the host is absent"),
        ("dpm+http://a[b", "the host is absent or malformed"),
        ("acl+ssh://me:secret@clx", "a password has no place in a URL"),
        ("dpm+http://h:x", "'x' is no port; a port is 1 to 65535, by default 6802"),
        ("dpm+http://h:0", "'0' is no port"),
        ("dpm+http://h:65536", "'65536' is no port"),
        ("dpm+http://h?rolle=x", "unknown key 'rolle'; did you mean 'role'?"),
        ("dpm+http://h?role", "key 'role' has no value"),
        ("dpm+http://h?role=", "key 'role' has no value"),
        ("dpm+http://h?role=a&role=b", "key 'role' stands twice"),
        ("dpm+http://h?connections=many", "the value 'many' of 'connections' is no number"),
    ],
)
def test_a_wrong_url_is_refused_with_the_part_and_the_remedy(text: str, words: str) -> None:
    with pytest.raises(BadUrl) as caught:
        BackendUrl.parse(text)

    assert words in str(caught.value)


def test_a_password_is_not_repeated_in_the_message() -> None:
    with pytest.raises(BadUrl) as caught:
        BackendUrl.parse("acl+ssh://me:secret@clx")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["dpm+http://h:6802?role=a&connections=2", "sim:", "acl+ssh://me@clx:22?jump=g"])
def test_its_text_parses_to_the_same_url(text: str) -> None:
    assert text == str(BackendUrl.parse(text))
    assert hash(BackendUrl.parse(text)) == hash(BackendUrl.parse(text))


def test_a_url_knows_what_its_scheme_can_do() -> None:
    assert BackendUrl.parse("dpm+http://h").capabilities.write
    assert not BackendUrl.parse("acl+https://h").capabilities.write
    assert all(scheme.built for scheme in SCHEMES.values())


def test_the_table_for_people_has_every_scheme() -> None:
    table = capability_table()

    assert all(name in table for name in SCHEMES)
    assert "polled" in table
