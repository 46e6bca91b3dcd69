"""The web UI as somebody sees it who sits before it; selectors are those of front end 1.58."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Response, expect

#: Milliseconds until something that surely happens has happened, on a busy machine without a graphics card.
PATIENCE = 60_000.0

#: Remembers which messages came, and which had come when somebody began to listen.
_LISTEN = """types => {
    window.heard = [];
    for (const type of types) window.app.api.addEventListener(type, () => window.heard.push(type));
}"""

_MESSAGES = (
    "execution_start",
    "progress",
    "b_preview_with_metadata",
    "executed",
    "execution_success",
    "execution_interrupted",
)

#: How errors begin that tell of refused requests, which are known from the answers.
_OF_REFUSALS = ("Failed to load resource", "Failed to fetch: 404", "PromptExecutionError")

#: Whether all nodes can be seen.
_IN_VIEW = """() => {
    const [left, top, width, height] = window.app.canvas.visible_area;
    return window.app.graph.nodes.every(({ pos, size }) =>
        pos[0] > left && pos[1] > top && pos[0] + size[0] < left + width && pos[1] + size[1] < top + height);
}"""

#: Where a widget is on the screen, in CSS pixels.
_PLACE = """([type, name]) => {
    const node = window.app.graph.nodes.find(node => node.type == type);
    const widget = node.widgets.find(widget => widget.name == name);
    const { scale, offset } = window.app.canvas.ds;
    const canvas = window.app.canvas.canvas.getBoundingClientRect();
    const onScreen = (value, axis) => (value + offset[axis]) * scale;
    return [
        canvas.x + onScreen(node.pos[0] + node.size[0] / 2, 0),
        canvas.y + onScreen(node.pos[1] + widget.y + 10, 1),
    ];
}"""


@dataclass
class Ui:
    """An open page of the web UI."""

    page: Page
    url: str
    #: what the page wrote of errors of its own
    errors: list[str] = field(default_factory=list)
    #: what the gateway refused, as "status method path"
    refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.page.on("console", self._console)
        self.page.on("pageerror", self._page_error)
        self.page.on("response", self._response)

    def open(self) -> None:
        """Load the page, or load it again."""
        self.page.goto(self.url)
        self.page.wait_for_function("window.app?.graph && window.app.canvas && window.app.extensionManager")
        self.page.get_by_test_id("app-loading-overlay").wait_for(state="hidden")
        self.page.evaluate(_LISTEN, _MESSAGES)

    def load(self, graph: dict[str, Any], folder: Path, name: str = "workflow") -> None:
        """Open a workflow from a file and fit it into the view."""
        path = folder / f"{name}.json"
        path.write_text(json.dumps(graph))
        self.page.set_input_files("#comfy-file-input", path)
        self.page.get_by_test_id("workflow-tab").filter(has_text=name).wait_for()
        types = sorted(node["class_type"] for node in graph.values())
        self.page.wait_for_function(
            "types => window.app.graph.nodes.map(node => node.type).sort().join() == types", arg=",".join(types)
        )
        self._fit()

    def button(self, name: str) -> Locator:
        """The button of this name."""
        return self.page.get_by_role("button", name=name)

    def text(self, content: str) -> Locator:
        """The text field, of those that can be seen, that holds this text."""
        fields = self.page.get_by_test_id("dom-widget-textarea").filter(visible=True)
        expect(fields.first).to_be_visible()
        return next(field for field in fields.all() if field.input_value() == content)

    def run(self) -> None:
        """Press the Run button."""
        self.page.evaluate("window.heard.length = 0")
        self.page.get_by_test_id("queue-button").click()

    def hear(self, message: str) -> None:
        """Return when a message of this kind has come since the Run button was pressed."""
        self.page.wait_for_function("type => window.heard.includes(type)", arg=message)

    def heard(self) -> set[str]:
        """The kinds of message that have come since the Run button was pressed."""
        return set(self.page.evaluate("window.heard"))

    def outputs(self) -> list[dict[str, Any]]:
        """The pictures that the nodes of the workflow show."""
        shown: list[dict[str, Any]] = self.page.evaluate(
            "Object.values(window.app.nodeOutputs).flatMap(output => output.images ?? [])"
        )
        return shown

    def widget(self, node: str, name: str) -> Any:
        """The value of a widget of the only node of a class."""
        return self.page.evaluate(
            "([type, name]) => window.app.graph.nodes.find(node => node.type == type)"
            ".widgets.find(widget => widget.name == name).value",
            [node, name],
        )

    def click_widget(self, node: str, name: str) -> None:
        """Click in the middle of a widget that is drawn on the canvas."""
        x, y = self._settled_place(node, name)
        self.page.mouse.click(x, y)

    def picture(self, place: Locator) -> Sequence[int]:
        """Width and height of a picture that the page shows, once it is there."""
        place.wait_for()
        self.page.wait_for_function("image => image.complete && image.naturalWidth", arg=place.element_handle())
        size: list[int] = place.evaluate("image => [image.naturalWidth, image.naturalHeight]")
        return size

    def _fit(self) -> None:
        """Bring all nodes into the view, which moves once more of itself when a workflow has been loaded."""
        while not self.page.evaluate(_IN_VIEW):
            self.button("Fit View").click()
            self.page.wait_for_timeout(500)

    def _settled_place(self, node: str, name: str) -> list[float]:
        """Where a widget is, once the view does not move any more."""
        before: list[float] = []
        while (place := self.page.evaluate(_PLACE, [node, name])) != before:
            before = place
            self.page.wait_for_timeout(200)
        return before

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_OF_REFUSALS):
            self.errors.append(message.text)

    def _page_error(self, error: Error) -> None:
        self.errors.append(str(error))

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            path = response.url.removeprefix(self.url)
            self.refused.add(f"{response.status} {response.request.method} {path}")
