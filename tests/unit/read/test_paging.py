import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.errors import BadRead
from cassandra_views.read.paging import Position, from_token, query_digest, to_token

positions = st.builds(
    Position,
    key=st.lists(st.binary(max_size=40), min_size=1, max_size=6).map(tuple),
    done=st.lists(st.integers(min_value=0, max_value=2**200), max_size=4).map(tuple),
)
queries = st.binary(min_size=8, max_size=8)
layouts = st.binary(min_size=4, max_size=4)


@given(position=positions, query=queries, layout=layouts)
def test_a_token_gives_its_position_back_and_needs_no_escaping(position: Position, query: bytes, layout: bytes) -> None:
    token = to_token(position, query=query, layout=layout)
    assert from_token(token, query=query, layout=layout, on="v") == position
    assert token.replace("-", "").replace("_", "").isalnum()


@given(position=positions, query=queries, layout=layouts, data=st.data())
def test_a_changed_token_is_refused(position: Position, query: bytes, layout: bytes, data: st.DataObject) -> None:
    token = to_token(position, query=query, layout=layout)
    place = data.draw(st.integers(min_value=0, max_value=len(token) - 1))
    other = data.draw(st.characters(categories=["L", "N", "P", "Z"]).filter(lambda each: each != token[place]))
    changed = data.draw(
        st.sampled_from([token[:place] + other + token[place + 1 :], token[:place], token + other, token + token])
    )
    with pytest.raises(BadRead, match="damaged"):
        from_token(changed, query=query, layout=layout, on="v")


@given(position=positions, query=queries, other=queries, layout=layouts)
def test_a_token_of_another_query_is_refused(position: Position, query: bytes, other: bytes, layout: bytes) -> None:
    token = to_token(position, query=query, layout=layout)
    if other != query:
        with pytest.raises(BadRead, match="belongs to another query"):
            from_token(token, query=other, layout=layout, on="v")


def test_a_token_of_a_former_key_is_refused() -> None:
    token = to_token(Position(key=(b"a",), done=()), query=b"q" * 8, layout=b"old_")
    with pytest.raises(BadRead, match="key has changed"):
        from_token(token, query=b"q" * 8, layout=b"new_", on="v")


@pytest.mark.parametrize("token", [17, b"bytes", ["x"]])
def test_what_is_no_text_is_no_token(token: object) -> None:
    with pytest.raises(BadRead, match="is no page token"):
        from_token(token, query=b"q" * 8, layout=b"l" * 4, on="v")


@given(st.text(max_size=200))
def test_any_text_is_refused_by_our_own_error(token: str) -> None:
    with pytest.raises(BadRead):
        from_token(token, query=b"q" * 8, layout=b"l" * 4, on="v")


@given(
    first=st.lists(st.binary(max_size=5), max_size=3),
    second=st.lists(st.binary(max_size=5), max_size=3),
    view=st.text(),
)
def test_queries_that_differ_have_digests_that_differ(first: list[bytes], second: list[bytes], view: str) -> None:
    assert (query_digest(view, first) == query_digest(view, second)) == (first == second)
    assert query_digest(view, first) != query_digest(view + "x", first)
