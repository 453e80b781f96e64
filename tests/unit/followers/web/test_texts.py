import pytest

from followers.web import texts


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.6, "1.00 K"),
        (1_000, "1.00 K"),
        (87_183_001, "87.18 M"),
        (987_654_321, "987.7 M"),
        (999_999_999, "1.00 B"),
        (9_123_456_789, "9.12 B"),
        (-1_500, f"{texts.MINUS}1.50 K"),
    ],
)
def test_a_count_in_four_digits(count: float, text: str) -> None:
    assert texts.short(count).replace(texts.THIN, " ") == text


def test_differences_have_a_sign_and_zero_has_none() -> None:
    assert texts.signed(1200).replace(texts.THIN, " ") == "+1.20 K"
    assert texts.signed(-1200).replace(texts.THIN, " ") == f"{texts.MINUS}1.20 K"
    assert texts.signed(0) == "0"
    assert texts.percent(0.0123).replace(texts.THIN, " ") == "+1.23 %"
    assert texts.percent(-0.00001).replace(texts.THIN, " ") == "0.00 %"
    assert texts.percent(None) == "\N{EN DASH}"
