"""What became of a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from services.queue.records import Prompt, PromptState
from services.queue.results import OutputFile, failure, output_files


class PromptFailed(Exception):
    """The prompt has ended, but not by succeeding; `prompt` says everything about it."""

    def __init__(self, message: str, prompt: Prompt) -> None:
        super().__init__(message)
        self.prompt = prompt


@dataclass(frozen=True)
class Result:
    """A prompt that has ended."""

    prompt: Prompt

    @property
    def succeeded(self) -> bool:
        """Whether every output that was asked for is there."""
        return self.prompt.state is PromptState.SUCCEEDED

    @property
    def outputs(self) -> list[OutputFile]:
        """The files that its nodes show, in the order in which they ended; there may be some although it failed."""
        return output_files(self.prompt)

    @property
    def error(self) -> str:
        """Why it did not succeed, for people; empty if it did."""
        if self.succeeded:
            return ""
        failed = failure(self.prompt)
        if failed is None:
            return f"the prompt was {self.prompt.state.value}"
        where = f"node {failed.node_id} ({failed.node_type}): " if failed.node_id else ""
        return f"{where}{failed.exception_type}: {failed.exception_message.strip()}"

    def raise_if_failed(self) -> None:
        """Raise `PromptFailed` unless it succeeded."""
        if not self.succeeded:
            raise PromptFailed(self.error, self.prompt)
