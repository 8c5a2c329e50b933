"""Random numbers: known answers, and the oracle's."""

import numpy as np
import pytest

from pra_pipeline import philox

import philox as oracle


def test_known_answers() -> None:
    """The paper's: zero key and counter, and all ones."""
    assert [hex(w) for w in philox.words(0, 0, 0, 0, 0)] == [
        "0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    ones = 0xFFFFFFFF
    assert [hex(w) for w in philox.words(2**64 - 1, ones, ones, ones, ones)] == [
        "0x408f276d", "0x41c83b0e", "0xa20bc7c6", "0x6d5451fd"]


@pytest.mark.parametrize("count", [1, 4, 7])
@pytest.mark.parametrize("seed", [0, 5, 2**40 + 7, 2**64 - 1])
def test_many_at_once_are_those_of_one(count: int, seed: int) -> None:
    places = np.array([0, 1, 7, 2**31])
    for draw, single in ((philox.uniforms, oracle.uniforms), (philox.normals, oracle.normals)):
        found = draw(seed, count, 4096 * 3 + 1, places, 1)
        assert found.shape == (4, count)
        expected = [single(seed, count, 4096 * 3 + 1, int(b), 1) for b in places]
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)
