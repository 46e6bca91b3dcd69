"""A moment as a picture of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from services.command.top.moment import Moment, Story
from services.queue.records import Executor, Prompt, PromptState

GIB = 1 << 30

#: Columns from which on ids are there in full; else so many characters of them.
WIDE = 120
SHORT_ID = 12

#: Lines of heads and rules; the rest is shared by the lists.
_HEADS = 9

_STYLES = {
    PromptState.SUCCEEDED: "green",
    PromptState.FAILED: "bold red",
    PromptState.INTERRUPTED: "yellow",
    PromptState.CANCELLED: "dim",
}


def picture(moment: Moment | None, story: Story, problem: str, size: tuple[int, int]) -> RenderableType:
    """Everything, within so many columns and lines; `problem` is why it is not of now."""
    width, height = size
    parts: list[RenderableType] = []
    if problem:
        parts.append(Text(f" {problem} ", "bold white on red"))
    if moment is not None:
        parts += _parts(moment, story, width, max(3, height - _HEADS - len(moment.executors)))
    return Group(*parts)


def _parts(moment: Moment, story: Story, width: int, lines: int) -> Iterator[RenderableType]:
    cut = None if width >= WIDE else SHORT_ID
    yield _summary(moment, story)
    yield Rule("executors", align="left", style="dim")
    yield _executors(moment, cut) if moment.executors else Text("none is connected: nothing runs", "bold red")
    yield Rule("running", align="left", style="dim")
    running = moment.running[: max(1, lines // 2)]
    yield _running(running, moment, story, cut) if running else Text("nothing", "dim")
    waiting = moment.waiting[: max(1, (lines - len(running)) // 2)]
    yield Rule("waiting, in order", align="left", style="dim")
    yield Text("\n".join(waiting) or "nothing", "" if waiting else "dim")
    finished = moment.finished[: max(1, lines - len(running) - len(waiting))]
    yield Rule("ended, the latest first", align="left", style="dim")
    yield _finished(finished, moment.seen_at, cut) if finished else Text("nothing", "dim")


def _summary(moment: Moment, story: Story) -> Text:
    counts = dict.fromkeys((PromptState.PENDING, PromptState.RUNNING), 0)
    for depth in moment.depths:
        counts[depth.state] += depth.prompts
    oldest = min((depth.oldest for depth in moment.depths if depth.state is PromptState.PENDING), default=None)
    text = Text.assemble(
        ("Silverprint", "bold"),
        f"  waiting {counts[PromptState.PENDING]}",
        f"  running {counts[PromptState.RUNNING]}",
        f"  ended in a minute {moment.ended_lately(story)}",
    )
    if oldest is not None:
        text.append(f"  oldest waits {_span(moment.seen_at - oldest)}")
    for priority in sorted({depth.priority for depth in moment.depths if depth.priority}, reverse=True):
        text.append(f"  priority {priority}: {sum(d.prompts for d in moment.depths if d.priority == priority)}", "dim")
    return text


def _executors(moment: Moment, cut: int | None) -> Table:
    table = _table("EXECUTOR", "DEVICE", "MEMORY", "", "PROMPTS", "MODELS", "VERSION")
    for executor in moment.executors:
        for number, device in enumerate(executor.devices):
            used = device.vram_total - device.vram_free
            memory = device.memory
            table.add_row(
                *((executor.executor_id, device.name) if number == 0 else ("", device.name)),
                ProgressBar(total=device.vram_total or 1, completed=used, width=14),
                f"{used / GIB:.1f}/{device.vram_total / GIB:.1f} GiB",
                _slots(executor),
                (", ".join(memory.files) if memory is not None else "")[:cut],
                executor.version,
            )
        if not executor.devices:
            table.add_row(
                executor.executor_id, Text("no device yet", "dim"), "", "", _slots(executor), "", executor.version
            )
    return table


def _slots(executor: Executor) -> Text:
    text = f"{executor.slots - executor.free_slots}/{executor.slots}"
    return Text(f"{text} drains", "yellow") if executor.draining else Text(text)


def _running(prompts: Sequence[Prompt], moment: Moment, story: Story, cut: int | None) -> Table:
    table = _table("PROMPT", "USER", "EXECUTOR", "TIME", "NODE", "", "LEFT")
    for prompt in prompts:
        progress = story.progress.get(prompt.prompt_id)
        left = progress.seconds_left(moment.seen_at) if progress is not None else None
        bar = progress is not None and progress.maximum > 0
        table.add_row(
            prompt.prompt_id[:cut],
            prompt.user_id[:cut],
            prompt.attempts[-1].executor_id[-cut if cut else None :] if prompt.attempts else "",
            _span(moment.seen_at - (prompt.started_at or moment.seen_at)),
            _node(progress.node_id, progress.value, progress.maximum) if progress is not None else "",
            ProgressBar(total=1.0, completed=progress.share, width=14) if progress is not None and bar else "",
            _span(left) if left is not None else "",
        )
    return table


def _node(node_id: str, value: float, maximum: float) -> str:
    return f"{node_id} {value:g}/{maximum:g}" if maximum > 0 else node_id


def _finished(prompts: Sequence[Prompt], now: float, cut: int | None) -> Table:
    table = _table("PROMPT", "USER", "EXECUTOR", "TOOK", "AGO", "OUTCOME")
    for prompt in prompts:
        took = (prompt.finished_at or 0.0) - (prompt.started_at or prompt.finished_at or 0.0)
        again = f", attempt {len(prompt.attempts)}" if len(prompt.attempts) > 1 else ""
        table.add_row(
            prompt.prompt_id[:cut],
            prompt.user_id[:cut],
            prompt.attempts[-1].executor_id[-cut if cut else None :] if prompt.attempts else "",
            _span(took),
            _span(now - (prompt.finished_at or now)),
            Text(prompt.state.value + again, _STYLES.get(prompt.state, "")),
        )
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", expand=False)
    for head in heads:
        table.add_column(head, no_wrap=True, overflow="ellipsis")
    return table


def _span(seconds: float) -> str:
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60} h {minutes % 60} min"
