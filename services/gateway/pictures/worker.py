"""A converting process: takes orders from its standard input, one after the other, until that is closed."""

from __future__ import annotations

import resource
import sys
from typing import BinaryIO

import msgspec
from PIL import Image

from services.errors import InvalidArgument
from services.gateway.pictures.conversion import carry_out
from services.gateway.pictures.orders import LENGTH, Answer, Made, Order, Refused, frame

#: Bytes of memory that a conversion may take: the largest picture several times over, with room for encoders.
MAX_MEMORY = 1 << 30

#: What a process that was taken over could still do with files: read the few that it has open.
_LIMITS = {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 32}


def main() -> None:
    """Work until the gateway closes the standard input or is gone."""
    limit_resources()
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    while (order := _order(orders)) is not None:
        contents = [orders.read(size) for size in order.sizes]
        answer, result = _carried_out(order, contents)
        answers.write(frame(answer))
        answers.write(result)
        answers.flush()


def limit_resources() -> None:
    """Give up what no conversion needs; where the memory of a process can be limited, that too."""
    Image.init()  # plugins are files, too
    for limit, value in _LIMITS.items():
        resource.setrlimit(limit, (value, value))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def _order(orders: BinaryIO) -> Order | None:
    length = orders.read(LENGTH.size)
    if len(length) < LENGTH.size:
        return None
    return msgspec.msgpack.decode(orders.read(LENGTH.unpack(length)[0]), type=Order)


def _carried_out(order: Order, contents: list[bytes]) -> tuple[Answer, bytes]:
    try:
        result = carry_out(order.task, contents)
    except InvalidArgument as error:
        return Refused(error.message), b""
    except MemoryError:
        return Refused("the picture needs too much memory"), b""
    return Made(len(result)), result


if __name__ == "__main__":
    main()
