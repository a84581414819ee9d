"""The decoding process: reads requests from one socket and answers on it, under limits.

Confined are its memory, processor time, wall time, open files, the size of files it writes, and what it inherits: no
environment, no standard streams, no descriptor but the socket. The network, the file system and other processes are
closed to it by the layers of `sandbox`, as far as the kernel has them (`yuelu doctor` tells).

`fork_server` forks it.
"""

import errno
import importlib
import os
import re
import resource
import runpy
import signal
import socket
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from yuelu.pipelines.isolation import sandbox
from yuelu.pipelines.isolation.allowance import Allowance, limits_for
from yuelu.pipelines.isolation.frames import receive_request, send_reply
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused, to_wire

_LONGEST_REASON = 300
_PANIC = "pyo3_runtime"  # the module of PanicException
_IDLE_S = 3600  # a run on a cluster may have been killed without a word; its processes shall not stay for ever


def serve(channel: socket.socket, limits: Limits, readable: tuple[str, ...]) -> None:
    """Answer requests until the other end closes. Confines this process for ever: `readable` are folders that it may read."""
    _confine(limits)
    sandbox.enter(readable)
    warnings.simplefilter("ignore")
    while (received := receive_request(channel)) is not None:
        request, descriptor = received
        with os.fdopen(descriptor, "rb") as file:
            whole = limits_for(limits, request, descriptor)
            resource.setrlimit(resource.RLIMIT_FSIZE, (whole.reply_bytes, _most_bytes(limits)))
            told, parts = answer(request, file, whole, Allowance(limits, whole).get_on)
        _send(channel, told, parts, whole)
        signal.alarm(_IDLE_S)  # whoever is not asked any more has been forgotten


def _send(channel: socket.socket, told: dict[str, Any], parts: list[bytes | BinaryIO], limits: Limits) -> None:
    try:
        send_reply(channel, told, parts)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        send_reply(channel, {"refused": _too_much(limits)}, ())


def _too_much(limits: Limits) -> str:
    return f"decoding gave more than the limit of {limits.reply_bytes} bytes"


def _confine(limits: Limits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, _most_bytes(limits)),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, resource.getrlimit(resource.RLIMIT_NPROC)[0]),
    ):
        resource.setrlimit(what, (most, most))


def _most_bytes(limits: Limits) -> int:
    return limits.for_film(limits.file_bytes).reply_bytes


def answer(
    request: dict[str, Any], file: BinaryIO, limits: Limits, get_on: Callable[[], None]
) -> tuple[dict[str, Any], list[bytes | BinaryIO]]:
    """Return the reading as it crosses the pipe, or `{"refused": reason}`."""
    key, deid = bytes.fromhex(request["key"]), request.get("deid", "")
    context = Context(limits, key, request["sha256"], request["media_type"], request["demuxer"], deid, get_on)
    try:
        reading = _reader(request["reader"])(file, context)
        if detect := request.get("detect"):
            # Asked for by few, so that the others' processes need not load it.
            hide = importlib.import_module("yuelu.pipelines.media.people").without_people
            reading = hide(reading, detect.split(","), limits)
        return to_wire(reading)
    except Refused as refusal:
        return {"refused": refusal.problem, "hint": refusal.hint}, []
    except MemoryError:
        return {"refused": f"decoding needs more than {limits.memory_bytes} bytes of memory", "exhausted": True}, []
    except BaseException as error:  # a decoder may raise anything, a panic of Rust is no Exception; this object is at fault
        if not isinstance(error, Exception) and type(error).__module__ != _PANIC:
            raise
        if isinstance(error, OSError) and error.errno == errno.EFBIG:  # its file in memory
            return {"refused": _too_much(limits), "hint": "cut the object first"}, []
        said = getattr(error, "strerror", None) or re.sub(r" object at 0x[0-9a-f]+", "", str(error))  # the same each time
        text = f"{type(error).__name__}: {said}"
        # What used up a resource may hold on to it: the next object gets a fresh process.
        # And whatever panicked may have left its own state half changed.
        exhausted = type(error).__module__ == _PANIC or (
            isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
        )
        return {"refused": f"cannot be decoded: {text}"[:_LONGEST_REASON], "exhausted": exhausted}, []


def _reader(name: str) -> Callable[[BinaryIO, Context], Reading]:
    place, _, function = name.rpartition(":")
    names = runpy.run_path(place) if place.endswith(".py") else vars(importlib.import_module(place))
    return cast(Callable[[BinaryIO, Context], Reading], names[function])
