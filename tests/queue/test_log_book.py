"""The book of lines stays small."""

from __future__ import annotations

from services.queue.log_book import MAX_CHARACTERS, MAX_LINES, LogBook
from services.queue.logs import MAX_LINE, LogLine


def line(text: str) -> LogLine:
    return LogLine(written_at=1.0, text=text)


def test_the_latest_lines_are_kept() -> None:
    book = LogBook()
    book.write(line(f"{index}\n") for index in range(MAX_LINES + 10))
    assert [one.text for one in book.read()] == [f"{index}\n" for index in range(10, MAX_LINES + 10)]


def test_long_lines_are_cut_and_displace_more_others() -> None:
    book = LogBook()
    written = book.write(line("x" * 10 * MAX_LINE) for _ in range(MAX_LINES))
    assert {len(one.text) for one in written.lines} == {MAX_LINE}
    assert written.lines[0].text.endswith("…\n")
    assert sum(len(one.text) for one in book.read()) <= MAX_CHARACTERS
