"""Silverprint for platform teams: everything over gRPC, typed and asynchronous. docs/grpc.md begins with an example.

`Silverprint` runs workflows and brings what they made; its `queue` and `files` are whole clients of the two services,
whose methods mirror the RPCs. What goes wrong is raised as an error of `services.errors`.
"""

from __future__ import annotations

from services.client.results import PromptFailed as PromptFailed
from services.client.results import Result as Result
from services.client.silverprint import Silverprint as Silverprint
from services.files.client import FileClient as FileClient
from services.files.records import FileKind as FileKind
from services.files.records import FileName as FileName
from services.files.records import OnConflict as OnConflict
from services.graph.errors import PromptRejected as PromptRejected
from services.queue.client import QueueClient as QueueClient
from services.queue.records import Event as Event
from services.queue.records import Prompt as Prompt
from services.queue.records import PromptOrder as PromptOrder
from services.queue.records import PromptState as PromptState
from services.queue.records import Search as Search
from services.queue.records import Submission as Submission
from services.queue.results import OutputFile as OutputFile
from services.queue.webhooks.records import DeliverySearch as DeliverySearch
from services.queue.webhooks.records import DeliveryState as DeliveryState
