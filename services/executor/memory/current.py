"""The planner of this process: a worker has one device."""

from __future__ import annotations

import torch

from services.executor.memory.budget import Budget
from services.executor.memory.device_memory import HostMemory, memory_of
from services.executor.memory.planner import MemoryPlanner
from services.executor.memory.shortage import Shortage


def planner_of(device: torch.device, budget: Budget) -> MemoryPlanner:
    """A planner of a device's memory."""
    memory = memory_of(device)
    return MemoryPlanner(memory, budget.of(memory.total()))


def host_budget() -> int:
    """What models that wait on the host may take of it: the budget if that is of the host, else all but a reserve."""
    return _planner.budget if _planner.memory.is_host else Budget().of(HostMemory().total())


_planner = planner_of(torch.device("cpu"), Budget())
_shortage = Shortage(_planner)


def install(planner: MemoryPlanner) -> None:
    """Make this the planner of the process."""
    global _planner, _shortage
    _planner, _shortage = planner, Shortage(planner)


def planner() -> MemoryPlanner:
    """The planner of the process; one of the CPU's until `install`."""
    return _planner


def shortage() -> Shortage:
    """What is done in this process when memory runs out."""
    return _shortage
