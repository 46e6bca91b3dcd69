"""A small ComfyUI client: what `silverprint run` and `silverprint demo` need of the REST and WebSocket API."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import httpx
import websockets

from services.errors import InvalidArgument, Unauthenticated, Unavailable

#: Messages after which nothing more comes for a prompt.
_TERMINAL = {"execution_success", "execution_error", "execution_interrupted"}


@dataclass(frozen=True)
class Finished:
    """What became of a prompt."""

    #: where its pictures were saved
    saved: list[Path]
    #: why it failed, empty when it did not
    error: str = ""


class ComfyClient:
    """Talks to one server under a client id of its own."""

    def __init__(self, server: str, key: str = "") -> None:
        self._server = server.rstrip("/")
        self._client_id = uuid.uuid4().hex
        self._headers = {"X-API-Key": key} if key else {}
        self._http = httpx.AsyncClient(base_url=self._server, timeout=60.0, trust_env=False, headers=self._headers)

    async def __aenter__(self) -> Self:
        """Open the socket before anything is submitted, so that no message is missed."""
        address = f"{self._server.replace('http', 'ws', 1)}/ws?clientId={self._client_id}"
        try:
            self._socket = await websockets.connect(
                address, max_size=None, proxy=None, additional_headers=self._headers
            )
        except websockets.InvalidStatus as error:
            await self._http.aclose()
            if error.response.status_code != HTTPStatus.UNAUTHORIZED:
                raise Unavailable(f"{self._server} answers {error.response.status_code}") from error
            what = "does not know this key" if self._headers else "asks for a key: --key, or $SILVERPRINT_KEY"
            raise Unauthenticated(f"{self._server} {what}") from error
        except (OSError, websockets.WebSocketException) as error:
            await self._http.aclose()
            raise Unavailable(f"no ComfyUI server answers at {self._server}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._http.aclose()

    async def submit(self, graph: dict[str, Any]) -> str:
        """Queue a workflow in API format; returns the prompt's id.

        Raises:
            InvalidArgument: the server refuses it; the message names nodes and inputs.
        """
        response = await self._http.post("/prompt", json={"prompt": graph, "client_id": self._client_id})
        answer = response.json()
        if response.is_error:
            raise InvalidArgument(_refusal(answer))
        return str(answer["prompt_id"])

    async def follow(self, prompt_id: str, update: Callable[[str, dict[str, Any]], None]) -> None:
        """Call `update(type, data)` for every message about the prompt, until it has ended.

        Raises:
            Unavailable: the connection was lost.
        """
        try:
            async for frame in self._socket:
                if isinstance(frame, bytes):  # a preview
                    continue
                message = json.loads(frame)
                data = message.get("data") or {}
                if data.get("prompt_id") != prompt_id:
                    continue
                update(message["type"], data)
                if message["type"] in _TERMINAL:
                    return
        except websockets.ConnectionClosed as error:
            raise Unavailable(f"the server closed the connection: {error}") from error
        raise Unavailable("the server closed the connection")

    async def interrupt(self, prompt_id: str) -> None:
        """Stop the prompt, or take it back when it has not begun."""
        await self._http.post("/queue", json={"delete": [prompt_id]})
        await self._http.post("/interrupt", json={"prompt_id": prompt_id})

    async def save_outputs(self, prompt_id: str, folder: Path) -> Finished:
        """Download the pictures that the prompt saved (not those it merely showed)."""
        history = (await self._http.get(f"/history/{prompt_id}")).raise_for_status().json()
        entry = history[prompt_id]
        saved = [
            await self._save(image, folder)
            for output in entry["outputs"].values()
            for image in output.get("images", ())
            if image["type"] == "output"
        ]
        return Finished(saved, _failure(entry["status"]))

    async def _save(self, image: dict[str, str], folder: Path) -> Path:
        response = (await self._http.get("/view", params=image)).raise_for_status()
        path = folder / Path(image["filename"]).name
        await asyncio.to_thread(_write, path, response.content)
        return path


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _refusal(answer: dict[str, Any]) -> str:
    """One line per thing that is wrong."""
    error = answer.get("error")
    head = error.get("message", "refused") if isinstance(error, dict) else str(error)
    lines = [
        f"node {node_id} ({node.get('class_type')}): {problem['message']}: {problem['details']}"
        for node_id, node in answer.get("node_errors", {}).items()
        for problem in node["errors"]
    ]
    details = error.get("details") if isinstance(error, dict) and not lines else ""
    return "\n  ".join([f"the workflow was refused: {head}" + (f": {details}" if details else ""), *lines])


def _failure(status: dict[str, Any]) -> str:
    for name, data in status["messages"]:
        if name == "execution_error":
            return f"node {data['node_id']} ({data['node_type']}): {data['exception_message'].strip()}"
        if name == "execution_interrupted":
            return "interrupted"
    return ""
