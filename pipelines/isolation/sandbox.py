"""What a decoding process may no longer do, in layers of the kernel. Each holds where it can; none is needed to decode.

    privileges  it and its children never gain any, nobody reads its memory, and it leaves no core dump
    network     a network namespace of its own, in which there is nothing
    files       Landlock: what it runs on can be read, nothing can be written or connected to by name
    calls       a system call filter: no sockets, no programs, no signals to others, nothing of what decoders never need

Sources: landlock(7), seccomp(2), user_namespaces(7), prctl(2).
"""

import ctypes
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from yuelu import base, pipelines
from yuelu.pipelines.isolation import calls

_NEW_USER, _NEW_NET, _NEW_IPC = 0x10000000, 0x40000000, 0x08000000
_NO_NEW_PRIVS, _DUMPABLE = 38, 4
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_PATH_BENEATH = 1
_READ = 1 << 2 | 1 << 3  # READ_FILE, READ_DIR
_READ_FILE = 1 << 2
# By version: how many rights to files, to TCP, and to reach other processes (sockets, signals) there are to take away.
_RIGHTS = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 2, 0), 5: (16, 2, 0), 6: (16, 2, 2)}
# What an interpreter and its libraries open beside their own folders.
_FOLDERS = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/proc/self")
_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo")
_PROCESSORS = "/sys/devices/system/cpu"

Layer = Callable[[tuple[str, ...]], None]


def enter(readable: tuple[str, ...] = ()) -> dict[str, str]:
    """Give up what decoding does not need, for ever; return the layers that do not hold, and why.

    Call it with one thread. `readable` are folders that can be read beside those of the interpreter.
    """
    missing = {}
    for name, layer in LAYERS.items():
        try:
            layer(readable)
        except OSError as error:
            missing[name] = error.strerror or str(error)
    return missing


def _privileges(_: tuple[str, ...]) -> None:
    _prctl(_NO_NEW_PRIVS, 1)
    _prctl(_DUMPABLE, 0)  # a pipe for core dumps does not ask for the limit of their size


def _network(_: tuple[str, ...]) -> None:
    libc = _libc()
    if libc.unshare(_NEW_USER | _NEW_NET | _NEW_IPC) and libc.unshare(_NEW_NET | _NEW_IPC):
        raise _error()


def _files(readable: tuple[str, ...]) -> None:
    """Landlock, with all that this kernel's version of it knows."""
    version = _syscall(_CREATE_RULESET, None, 0, 1)
    files, connections, scopes = _RIGHTS[min(version, max(_RIGHTS))]
    attributes = struct.pack("QQQ", (1 << files) - 1, (1 << connections) - 1, (1 << scopes) - 1)
    attributes = attributes[: 24 if scopes else 16 if connections else 8]  # an old kernel takes no more than it knows
    ruleset = _syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for place in {*_FOLDERS, *_FILES, _PROCESSORS, *_interpreter(), *readable}:
            _allow_reading(ruleset, place)
        _syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, place: str) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not on this machine
    try:
        right = _READ if Path(place).is_dir() else _READ_FILE
        _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", right, descriptor), 0)
    finally:
        os.close(descriptor)


def _interpreter() -> set[str]:
    """The folders that modules and their libraries come from, links resolved."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path}
    # In an editable install each file of ours is a link.
    ours = {str(Path(str(room.__file__)).resolve().parent) for room in (base, pipelines)}
    return {os.path.realpath(place) for place in places if place} | ours


def _calls(_: tuple[str, ...]) -> None:
    program = calls.program(os.uname().machine, os.getpid())
    if program is None:
        raise OSError(0, f"no list of calls for {os.uname().machine}")
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _prctl(calls.PR_SET_SECCOMP, calls.SECCOMP_MODE_FILTER, filter_)


# In this order: the later ones forbid what the earlier ones need.
LAYERS: Mapping[str, Layer] = MappingProxyType({"privileges": _privileges, "network": _network, "files": _files, "calls": _calls})


def examine() -> dict[str, str]:
    """Return the layers that do not hold on this machine, and why: tried in a process of its own."""
    asked = [sys.executable, "-I", "-m", __name__]
    told = subprocess.run(asked, env={}, capture_output=True, check=False, timeout=60)
    if told.returncode != 0:
        code = told.returncode
        why = f"the trial died of {signal.Signals(-code).name}" if code < 0 else f"the trial left with exit code {code}"
        return dict.fromkeys(LAYERS, why)
    return dict(json.loads(told.stdout))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int, pointer: bytes | None = None) -> None:
    if _libc().prctl(option, ctypes.c_ulong(value), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise _error()


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(_libc().syscall(ctypes.c_long(number), *given))
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    print(json.dumps(enter()))
