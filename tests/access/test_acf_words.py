import pytest

from gateway.access.acf_words import tokens
from gateway.core.errors import BadConfig


def test_words_signs_and_texts_come_with_their_lines() -> None:
    text = 'UAG(a-b:c)  # comment "x\n{"x y","q\\"q"}\n'
    assert [
        ("UAG", 1), ("(", 1), ("a-b:c", 1), (")", 1), ("{", 2), ("x y", 2), (",", 2), ('q"q', 2), ("}", 2),
        ("the end of the file", 3),
    ] == [(token.text, token.line) for token in tokens(text, "f")]  # fmt: skip


def test_a_sign_in_quotes_is_a_word() -> None:
    assert ["(", ""] == [token.sign for token in tokens('( "("', "f")][:2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nUAG(a@b)", "f:2: '@' is not understood; names with such a sign stand in quotes"),
        ('UAG("a\nb")', "f:1: '\"' is not understood; a text in quotes ends on its own line"),
        ("UAG($(X))", "f:1: '$' is not understood; macros are not expanded; write the name itself"),
        ("UAG(\u00e9)", "names with such a sign stand in quotes"),
    ],
)
def test_what_is_no_word_is_named(text: str, said: str) -> None:
    with pytest.raises(BadConfig) as caught:
        list(tokens(text, "f"))
    assert said in str(caught.value)
