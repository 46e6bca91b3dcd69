"""Which node classes prompts may use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache

import msgspec

from services.graph.errors import NodeError, NodeErrors, PromptRejected
from services.graph.model import Graph

#: What a rejection is called, as a whole and of each node.
NOT_ALLOWED = "node_not_allowed"

#: Patterns, and characters in one, that a list may have.
MAX_PATTERNS = 1000
MAX_PATTERN_LENGTH = 256


class NodeRules(msgspec.Struct, frozen=True):
    """Patterns for names of classes, `*` standing for any characters."""

    #: empty for all classes
    allowed: tuple[str, ...] = ()
    #: what may not be used even where it is allowed
    denied: tuple[str, ...] = ()

    def check(self, graph: Graph) -> None:
        """Check that a prompt may use its nodes; those that they make when they run are their own business.

        Raises:
            PromptRejected: it may not; says which nodes are not allowed.
        """
        if not self.allowed and not self.denied:
            return
        wrong = {node.id: node.class_type for node in graph.nodes.values() if not self.permits(node.class_type)}
        if wrong:
            details = ", ".join(sorted({*wrong.values()}))
            message = "This prompt has nodes that its user may not run"
            raise PromptRejected.because(NOT_ALLOWED, message, details, dict(_errors(wrong.items())))

    def permits(self, class_type: str) -> bool:
        """Whether nodes of a class may be used."""
        is_allowed = not self.allowed or _compiled(self.allowed).match(class_type) is not None
        return is_allowed and not (self.denied and _compiled(self.denied).match(class_type))


def _errors(wrong: Iterable[tuple[str, str]]) -> Iterable[tuple[str, NodeErrors]]:
    for node_id, class_type in wrong:
        yield node_id, NodeErrors([NodeError(NOT_ALLOWED, "This node may not be run", class_type, {})], [], class_type)


@lru_cache(maxsize=1024)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    literal = (pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns)
    return re.compile("|".join(map(translate, literal)))
