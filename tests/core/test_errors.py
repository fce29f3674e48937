"""gateway/core/errors.py: the tree of exceptions."""

import pytest

from gateway.core import errors
from gateway.core.errors import AcgateError, BadConfig, BadInput, BadRequest, BadUrl, Closed, ProtocolError, Refused


@pytest.mark.parametrize("kind", [BadInput, ProtocolError, Refused, Closed])
def test_everything_raised_on_purpose_is_one_tree(kind: type[AcgateError]) -> None:
    assert issubclass(kind, AcgateError)


@pytest.mark.parametrize("kind", [BadRequest, BadConfig, BadUrl])
def test_what_a_person_wrote_wrong_is_bad_input(kind: type[BadInput]) -> None:
    assert issubclass(kind, BadInput)


def test_the_tree_at_the_top_of_the_file_is_complete() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)


def test_a_bad_request_names_part_and_position() -> None:
    error = BadRequest("M:X.FOO", "word", 4, "'FOO' is no property")
    assert str(error) == "'M:X.FOO': word at position 4: 'FOO' is no property"
    assert (error.text, error.part, error.position, error.reason) == ("M:X.FOO", "word", 4, "'FOO' is no property")


@pytest.mark.parametrize(
    ("line", "key", "text"),
    [
        (3, "devices[0].event", "gw.yaml:3: devices[0].event: is empty"),
        (0, "gateway.name", "gw.yaml: gateway.name: is empty"),
        (3, "", "gw.yaml:3: is empty"),
        (0, "", "gw.yaml: is empty"),
    ],
)
def test_a_bad_config_names_file_line_and_key_as_far_as_they_are_known(line: int, key: str, text: str) -> None:
    error = BadConfig("gw.yaml", line, key, "is empty")
    assert text == str(error)
    assert ("gw.yaml", line, key, "is empty") == (error.file, error.line, error.key, error.reason)
