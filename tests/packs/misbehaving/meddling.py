"""Ways to meddle with the process that others have to run in."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import psutil
import torch

from services.executor.engine.context import current_context


class _Closed:
    """A stream that takes nothing."""

    def write(self, text: str) -> NoReturn:
        raise ValueError("I/O operation on closed file")

    flush = write


def _close_streams(image: Any) -> Any:
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    return (image,)


def _replace_streams(image: Any) -> Any:
    sys.stdout = sys.stderr = _Closed()  # type: ignore[assignment]
    return (image,)


def _close_stdout(image: Any) -> Any:
    sys.stdout.close()
    return (image,)


def _chatter(image: Any) -> Any:
    for _ in range(100):
        sys.stdout.write("x" * (1 << 20) + "\n")
    return (image,)


def _fork(image: Any) -> Any:
    """Both processes go on, the child with everything that its parent had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        os.fork()
    current_context().progress(1, 1)
    return (image,)


def _fork_and_wait(image: Any) -> Any:
    child = os.fork()
    if child == 0:
        current_context().progress(1, 1)
        os._exit(0)
    os.waitpid(child, 0)
    return (image,)


def _leave_a_thread(image: Any) -> Any:
    threading.Thread(target=threading.Event().wait, daemon=False).start()
    return (image,)


def _leave_a_reporting_thread(image: Any) -> Any:
    context = current_context()

    def report() -> None:
        for step in range(1000):
            context.progress(step, 1000)

    threading.Thread(target=report, daemon=True).start()
    return (image,)


def _threads_that_die(image: Any) -> Any:
    def fail(error: BaseException) -> None:
        raise error

    for error in (ValueError("in a thread"), SystemExit(1), KeyboardInterrupt()):
        thread = threading.Thread(target=fail, args=[error])
        thread.start()
        thread.join()
    return (image,)


def _change_directory(image: Any) -> Any:
    os.chdir("/")
    return (image,)


def _vanish_directory(image: Any) -> Any:
    os.mkdir("vanishing")
    os.chdir("vanishing")
    os.rmdir("../vanishing")
    return (image,)


def _handle_signals(image: Any) -> Any:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    return (image,)


def _warn_as_error(image: Any) -> Any:
    warnings.simplefilter("error")
    return (image,)


def _collect_nothing(image: Any) -> Any:
    gc.disable()
    return (image,)


def _trace(image: Any) -> Any:
    def fail(*_: object) -> NoReturn:
        raise RuntimeError("traced")

    sys.excepthook = threading.excepthook = sys.unraisablehook = fail
    return (image,)


def _report_nonsense(image: Any) -> Any:
    context = current_context()
    for value, maximum in ((float("nan"), 1), (1, float("inf")), (-5, 0)):
        context.progress(value, maximum)
    context.text("\0\x1b[31m")
    return (image,)


def _spoil_torch(image: Any) -> Any:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    return (image,)


def _look_around(image: Any) -> Any:
    """Changes nothing, and shows what others may have changed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        print("still heard", flush=True)  # noqa: T201
    files = {name: os.readlink(f"/proc/self/fd/{descriptor}") for descriptor, name in ((1, "output"), (2, "errors"))}
    torch_defaults = [str(torch.get_default_dtype()), str(torch.get_default_device())]
    descendants = [child.status() for child in psutil.Process().children()]
    shown = [files, os.getcwd(), torch_defaults, [status for status in descendants if status != "zombie"]]
    return {"ui": {"seen": shown}, "result": (image,)}


def _read_input(image: Any) -> Any:
    input("Go on? ")
    return (image,)


MEDDLING: dict[str, Callable[[Any], Any]] = {
    "close standard streams": _close_streams,
    "close sys.stdout": _close_stdout,
    "replace sys.stdout": _replace_streams,
    "write 100 MB": _chatter,
    "fork": _fork,
    "fork and wait": _fork_and_wait,
    "leave a thread": _leave_a_thread,
    "leave a thread that reports": _leave_a_reporting_thread,
    "start threads that die": _threads_that_die,
    "change the directory": _change_directory,
    "let the directory vanish": _vanish_directory,
    "handle signals": _handle_signals,
    "make warnings errors": _warn_as_error,
    "stop the collector": _collect_nothing,
    "install hooks that fail": _trace,
    "report nonsense": _report_nonsense,
    "read standard input": _read_input,
    "spoil torch": _spoil_torch,
    "look around": _look_around,
}
