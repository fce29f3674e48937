import numpy as np
import pytest

from gateway.wire.dpm_fields import KEYS, ScaledSetting
from gateway.wire.dpm_replies import ScalarArrayReply


def test_keys_are_all_different() -> None:
    assert len(set(KEYS.values())) == len(KEYS)


def test_messages_with_arrays_are_equal_when_their_contents_are() -> None:
    one = ScaledSetting(1, np.array([1.0, 2.0]))
    assert one == ScaledSetting(1, np.array([1.0, 2.0]))
    assert one != ScaledSetting(1, np.array([1.0, 2.5]))
    assert one != ScaledSetting(2, np.array([1.0, 2.0]))
    assert one != ScalarArrayReply(1, 0, 0, 0, np.array([1.0, 2.0]))


def test_messages_with_arrays_cannot_be_hashed() -> None:
    with pytest.raises(TypeError):
        hash(ScaledSetting(1, np.array([1.0])))
