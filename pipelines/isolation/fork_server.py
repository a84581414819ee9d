"""The process that decoders are forked from: it has imported what they need, and never sees an object.

It is started with an empty environment, holds no descriptor but its own socket and /dev/null, and has one thread: a lock
that another thread held would stay locked in a fork for ever. A decoder confines itself before it reads its first request.

Started as `python -I -m yuelu.pipelines.isolation.fork_server SOCKET`. A message on the socket is one JSON object:
    {"reader": module, "limits": {...}, "readable": [...]} and a descriptor    fork a decoder that answers on it: {"pid": ...}
    {"ended": pid}                                                             how a decoder ended: {"code": ...}; null: not yet
When the other end closes, every decoder ends.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import warnings
from contextlib import suppress
from typing import Any

from yuelu.pipelines.isolation import child
from yuelu.pipelines.media.imports import lean_imports
from yuelu.pipelines.media.limits import Limits

LONGEST_MESSAGE = 1 << 16
_IDLE_S = 3600  # a run on a cluster may have been killed without a word


def main() -> None:
    """Fork decoders until the other end closes."""
    warnings.simplefilter("ignore")
    gc.disable()  # decoders switch it on; until then, memory stays as it is, and shared
    decoders: set[int] = set()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while _wanted(control, decoders):
            body, descriptors, _, _ = socket.recv_fds(control, LONGEST_MESSAGE, 1)
            if not body:
                break
            asked = json.loads(body)
            told = _end_of(asked["ended"], decoders) if "ended" in asked else _fork(asked, descriptors[0], control, decoders)
            control.send(json.dumps(told).encode())
    for decoder in decoders:
        os.kill(decoder, signal.SIGKILL)
        os.waitpid(decoder, 0)  # its processor time counts as that of whoever started it


def _wanted(control: socket.socket, decoders: set[int]) -> bool:
    """Wait for a message; return False when none comes for long and no decoder is left."""
    while not select.select([control], [], [], _IDLE_S)[0]:
        if not any(os.waitid(os.P_PID, one, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None for one in decoders):
            return False
    return True


def _end_of(decoder: int, decoders: set[int]) -> dict[str, Any]:
    """Return its exit code, negative for a signal. Until it is asked for, nobody else can get the process's number."""
    ended, status = os.waitpid(decoder, os.WNOHANG)
    if not ended:
        return {"code": None}
    decoders.discard(decoder)
    return {"code": os.waitstatus_to_exitcode(status)}


def _fork(asked: dict[str, Any], descriptor: int, control: socket.socket, decoders: set[int]) -> dict[str, Any]:
    if asked["reader"]:
        with suppress(Exception), lean_imports():  # a reader that cannot be imported says so when it is asked to read
            importlib.import_module(asked["reader"])
    if (threads := len(os.listdir("/proc/self/task"))) > 1:
        return {"threads": threads}
    gc.freeze()
    try:
        decoder = os.fork()
    except OSError as error:
        os.close(descriptor)
        return {"failed": error.strerror}
    if decoder == 0:
        control.close()
        _decode(descriptor, Limits(**asked["limits"]), tuple(asked["readable"]))
    os.close(descriptor)
    decoders.add(decoder)
    return {"pid": decoder}


def _decode(descriptor: int, limits: Limits, readable: tuple[str, ...]) -> None:
    """Be a decoder; never return."""
    code = 1
    try:
        os.setsid()  # Ctrl-C is for whoever waits for the decoder, not for the decoder
        gc.enable()
        with socket.socket(fileno=descriptor) as channel:
            child.serve(channel, limits, readable)
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
