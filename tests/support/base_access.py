"""EPICS base's own CALC and access security, asked through the libraries of epicscorelibs: the oracle of ours.

Both live in libCom as plain C functions. Wrong offsets of its structures would show in each answer of `BaseAccess`.
"""

import ctypes
from collections.abc import Mapping
from pathlib import Path

import epicscorelibs

_ACCESS, _TRAP = 60, 64  # offsets in asgClient: enum of the access, int of the trap mask
_GROUP_OF_MEMBER, _VALUES, _BAD, _CHANGED = 16, 96, 104, 112


def _library() -> ctypes.CDLL:
    folder = Path(epicscorelibs.__file__).parent / "lib"
    com = ctypes.CDLL(str(folder / "libCom.so"))
    pointer = ctypes.POINTER(ctypes.c_void_p)
    com.postfix.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_short)]
    com.postfix.restype = ctypes.c_long
    com.calcPerform.argtypes = [ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_double), ctypes.c_char_p]
    com.calcPerform.restype = ctypes.c_long
    com.asInitMem.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    com.asInitMem.restype = ctypes.c_long
    com.asAddMember.argtypes = [pointer, ctypes.c_char_p]
    com.asAddClient.argtypes = [pointer, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p]
    com.asComputeAsg.argtypes = [ctypes.c_void_p]
    return com


_COM = _library()


def base_calc(expression: str, inputs: list[float]) -> float | None:
    """What base computes; None when it refuses the expression."""
    code, error = ctypes.create_string_buffer(8192), ctypes.c_short()
    if _COM.postfix(expression.encode(), code, ctypes.byref(error)):
        return None
    result = ctypes.c_double()
    _COM.calcPerform((ctypes.c_double * 32)(*inputs), ctypes.byref(result), code)
    return result.value


class BaseAccess:
    """One access security file, as base understands it. Base has room for one at a time in a process."""

    def __init__(self, text: str) -> None:
        self.accepted = _COM.asInitMem(text.encode(), None) == 0

    def ask(
        self, group: str, level: int, user: str, host: str, inputs: Mapping[int, float | None] | None = None
    ) -> tuple[int, bool]:
        """Access (0 none, 1 read, 2 write) and whether writes are trapped; an input of None is not valid."""
        member, client = ctypes.c_void_p(), ctypes.c_void_p()
        assert _COM.asAddMember(ctypes.byref(member), group.encode()) == 0
        assert member.value is not None
        if inputs:
            asg = ctypes.c_void_p.from_address(member.value + _GROUP_OF_MEMBER).value
            assert asg is not None
            values = ctypes.POINTER(ctypes.c_double).from_address(asg + _VALUES)
            bad, changed = (ctypes.c_ulong.from_address(asg + offset) for offset in (_BAD, _CHANGED))
            bad.value = sum(1 << place for place, value in inputs.items() if value is None)
            for place, value in inputs.items():
                if value is not None:
                    values[place] = value
            changed.value = sum(1 << place for place in inputs)
            _COM.asComputeAsg(asg)
        assert _COM.asAddClient(ctypes.byref(client), member, level, user.encode(), host.encode()) == 0
        assert client.value is not None
        access, trap = (ctypes.c_int.from_address(client.value + offset).value for offset in (_ACCESS, _TRAP))
        return access, bool(trap)
