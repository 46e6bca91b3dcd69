"""What a slow reader loses, and what it never does."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.sockets import outbox as limits
from services.gateway.sockets.frames import Frame, Kind
from services.gateway.sockets.outbox import Outbox, Overflow


def lasting(number: int) -> Frame:
    return Frame(Kind.LASTING, f"lasting {number}")


async def emptied(outbox: Outbox) -> list[Frame]:
    frames: list[Frame] = []
    while len(outbox):
        frames += await outbox.take()
    return frames


async def test_frames_come_out_in_their_order() -> None:
    outbox = Outbox()
    frames = [lasting(1), Frame(Kind.PROGRESS, "progress", "a"), Frame(Kind.PREVIEW, b"picture"), lasting(2)]
    for frame in frames:
        outbox.put(frame)
    assert await emptied(outbox) == frames


async def test_taking_waits_for_a_frame() -> None:
    outbox = Outbox()
    taking = asyncio.create_task(outbox.take())
    await asyncio.sleep(0)
    assert not taking.done()
    outbox.put(lasting(1))
    assert [frame.payload for frame in await taking] == ["lasting 1"]


async def test_what_waits_is_taken_together_up_to_a_size() -> None:
    outbox = Outbox()
    half = Frame(Kind.LASTING, "x" * (limits.BATCH_BYTES // 2))
    huge = Frame(Kind.LASTING, "x" * (3 * limits.BATCH_BYTES))
    last = lasting(1)
    for frame in (half, half, half, huge, last):
        outbox.put(frame)
    assert [await outbox.take() for _ in range(4)] == [[half, half], [half], [huge], [last]]


async def test_only_the_newest_previews_wait() -> None:
    outbox = Outbox()
    for number in range(10):
        outbox.put(Frame(Kind.PREVIEW, str(number).encode()))
    assert [frame.payload for frame in await emptied(outbox)] == [b"8", b"9"]


async def test_previews_go_first_then_all_but_the_latest_progress_and_what_lasts_never() -> None:
    dropped: dict[Kind, int] = {}

    def count(kind: Kind, number: int) -> None:
        dropped[kind] = dropped.get(kind, 0) + number

    outbox = Outbox(count)
    outbox.put(Frame(Kind.PREVIEW, b"picture"))
    for number in range(1000):
        outbox.put(Frame(Kind.PROGRESS, f"a {number}", "a"))
        outbox.put(Frame(Kind.PROGRESS, f"b {number}", "b"))
        outbox.put(Frame(Kind.STATUS, f"status {number}", "status"))
        if number % 10 == 0:
            outbox.put(lasting(number))
    kept = await emptied(outbox)
    assert [frame.payload for frame in kept if frame.kind is Kind.LASTING] == [
        f"lasting {n}" for n in range(0, 1000, 10)
    ]
    assert [frame.payload for frame in kept[-3:]] == ["a 999", "b 999", "status 999"]
    assert not [frame for frame in kept if frame.kind is Kind.PREVIEW]
    assert len(kept) < limits.CROWDED_FRAMES + limits.SWEEP_EVERY + 100
    assert dropped[Kind.PREVIEW] == 1
    assert dropped[Kind.PROGRESS] > 1500
    assert dropped[Kind.STATUS] > 500


async def test_large_frames_count_by_their_bytes() -> None:
    outbox = Outbox()
    for number in range(100):
        outbox.put(Frame(Kind.PROGRESS, f"{number}" + "x" * 500_000, "a"))
    kept = await emptied(outbox)
    assert sum(len(frame.payload) for frame in kept) <= limits.MAX_BYTES
    assert kept[-1].payload[:2] == "99"


async def test_more_than_fits_of_what_lasts_overflows() -> None:
    outbox = Outbox()
    for number in range(limits.MAX_FRAMES):
        outbox.put(lasting(number))
    with pytest.raises(Overflow):
        outbox.put(lasting(-1))


async def test_lines_of_the_log_go_with_the_previews() -> None:
    outbox = Outbox()
    for number in range(1000):
        outbox.put(Frame(Kind.LOG, f"line {number}"))
        outbox.put(lasting(number))
    kept = await emptied(outbox)
    assert sum(frame.kind is Kind.LASTING for frame in kept) == 1000
    assert sum(frame.kind is Kind.LOG for frame in kept) < 200
