"""The system calls that a decoder may not make, as a program for seccomp(2).

A list of what is refused, not of what is allowed: what a codec or an allocator calls next year must not break decoding.
What is refused fails with EPERM, as if the user had no right to it; the object at hand then ends in quarantine.
"""

import errno
import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16  # offsets in struct seccomp_data
_THREAD = 0x00010000  # CLONE_THREAD
_X32 = 0x40000000

# Audit's number of the architecture, then the numbers of its calls (asm/unistd.h).
_ARCHITECTURES: Mapping[str, int] = MappingProxyType({"x86_64": 0xC000003E, "aarch64": 0xC00000B7})
# Sockets, programs, other processes' memory, mounts, keys, the kernel itself, and doors into it that are new or rarely needed.
_REFUSED: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "x86_64": {
            "socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "fork": 57, "vfork": 58,
            "execve": 59, "ptrace": 101, "setsid": 112, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166,
            "swapon": 167, "reboot": 169, "init_module": 175, "delete_module": 176, "quotactl": 179, "settimeofday": 164,
            "tkill": 200, "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
            "accept4": 288, "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
            "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313, "bpf": 321, "execveat": 322,
            "userfaultfd": 323, "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429,
            "fsopen": 430, "pidfd_open": 434, "pidfd_getfd": 438, "process_madvise": 440, "rt_sigqueueinfo": 129,
            "rt_tgsigqueueinfo": 297,
        },
        "aarch64": {
            "socket": 198, "connect": 203, "accept": 202, "bind": 200, "listen": 201, "execve": 221,
            "ptrace": 117, "setsid": 157, "pivot_root": 41, "chroot": 51, "mount": 40, "umount2": 39, "swapon": 224,
            "reboot": 142, "init_module": 105, "delete_module": 106, "quotactl": 60, "settimeofday": 170, "tkill": 130,
            "kexec_load": 104, "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97, "accept4": 242,
            "perf_event_open": 241, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "finit_module": 273, "bpf": 280, "execveat": 281, "userfaultfd": 282,
            "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430,
            "pidfd_open": 434, "pidfd_getfd": 438, "process_madvise": 440, "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240,
        },
    }
)  # fmt: skip
# Allowed to some: signals to itself, threads of its own, a new kind of clone that we cannot look into (glibc does without).
_LOOKED_INTO: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "x86_64": {"kill": 62, "tgkill": 234, "clone": 56, "clone3": 435},
        "aarch64": {"kill": 129, "tgkill": 131, "clone": 220, "clone3": 435},
    }
)


def program(machine: str, pid: int) -> bytes | None:
    """Return the filter for a process with that id; None: there is no list for the machine's architecture."""
    if machine not in _ARCHITECTURES:
        return None
    return b"".join(_program(_ARCHITECTURES[machine], _REFUSED[machine], _LOOKED_INTO[machine], pid))


def _program(architecture: int, refused: Mapping[str, int], looked_into: Mapping[str, int], pid: int) -> Iterator[bytes]:
    yield _step(_LOAD, _ARCHITECTURE)
    yield _step(_EQUAL, architecture, 1, 0)
    yield _step(_RETURN, _KILL)  # 32-bit calls have other numbers
    yield _step(_LOAD, _NUMBER)
    yield from _refuse_when(_AT_LEAST, _X32, errno.ENOSYS)
    for number in sorted(refused.values()):
        yield from _refuse_when(_EQUAL, number, errno.EPERM)
    yield from _refuse_when(_EQUAL, looked_into["clone3"], errno.ENOSYS)
    for name in ("kill", "tgkill"):
        yield _step(_EQUAL, looked_into[name], 0, 4)
        yield _step(_LOAD, _FIRST)
        yield _step(_EQUAL, pid, 1, 0)
        yield _step(_RETURN, _ERRNO | errno.EPERM)
        yield _step(_RETURN, _ALLOW)
    yield _step(_EQUAL, looked_into["clone"], 0, 4)
    yield _step(_LOAD, _FIRST)
    yield _step(_SET, _THREAD, 1, 0)
    yield _step(_RETURN, _ERRNO | errno.EPERM)
    yield _step(_RETURN, _ALLOW)
    yield _step(_RETURN, _ALLOW)


def _refuse_when(test: int, value: int, error: int) -> Iterator[bytes]:
    yield _step(test, value, 0, 1)
    yield _step(_RETURN, _ERRNO | error)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
