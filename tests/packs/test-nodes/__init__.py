"""Nodes that misbehave in all the ways that a platform has to survive; a pack whose folder is no identifier."""

from __future__ import annotations

from .behaviour import (
    TestAllocate,
    TestBlock,
    TestCrash,
    TestError,
    TestExit,
    TestHog,
    TestPicky,
    TestPrint,
    TestShow,
    TestSleep,
)

NODE_CLASS_MAPPINGS = {
    "TestAllocate": TestAllocate,
    "TestBlock": TestBlock,
    "TestCrash": TestCrash,
    "TestError": TestError,
    "TestExit": TestExit,
    "TestHog": TestHog,
    "TestPicky": TestPicky,
    "TestPrint": TestPrint,
    "TestShow": TestShow,
    "TestSleep": TestSleep,
}

NODE_DISPLAY_NAME_MAPPINGS = {"TestSleep": "Sleep"}
