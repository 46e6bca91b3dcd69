"""What somebody does who opens the gateway's address in a browser."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.stack import Stack
from tests.e2e.web_ui.ui import Ui

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

GREEN = (30, 200, 90)

#: What ComfyUI says too to somebody who has saved nothing yet, and the submission that is meant to be refused.
NOT_THERE = {
    "404 GET /user.css",
    "404 GET /api/userdata/user.css",
    "404 GET /api/userdata/comfy.templates.json",
    "404 GET /api/userdata/workflows%2F.index.json",
    "404 GET /api/userdata?dir=workflows&recurse=true&split=false&full_info=true",
    "404 GET /api/userdata?dir=subgraphs&recurse=true&split=false&full_info=true",
    "400 POST /api/prompt",
}

#: The pictures of templates are half a gigabyte, which tests do without.
TEMPLATE_PICTURE = re.compile(r"404 GET /templates/\S+\.webp")


def centre(picture: bytes) -> tuple[int, ...]:
    """The colour in the middle of a picture."""
    with Image.open(io.BytesIO(picture)) as opened:
        colour = opened.convert("RGB").getpixel((opened.width // 2, opened.height // 2))
    assert isinstance(colour, tuple)
    return colour


def shown(stack: Stack, picture: dict[str, Any]) -> bytes:
    return stack.client.get("/view", params=picture).raise_for_status().content


def test_every_node_of_the_server_is_there_and_can_be_looked_up(ui: Ui, stack: Stack) -> None:
    known = set(ui.page.evaluate("Object.keys(window.LiteGraph.registered_node_types)"))
    assert set(stack.get("/object_info")) <= known
    ui.page.get_by_test_id("node-library-tab-button").click()
    ui.page.get_by_placeholder("Search Nodes").fill("KSampler (Adv")
    expect(ui.page.get_by_text("KSampler (Advanced)").first).to_be_visible()
    ui.page.get_by_test_id("node-library-tab-button").click()


def test_a_template_can_be_opened(ui: Ui) -> None:
    ui.button("Templates").first.click()
    ui.button("Node Basics").click()
    ui.page.get_by_test_id("template-workflow-basic_switch_node").click()
    expect(ui.page.get_by_test_id("workflow-tab").last).to_contain_text("basic_switch_node")
    ui.page.wait_for_function("window.app.graph.nodes.some(node => node.type == 'ComfySwitchNode')")


def test_a_workflow_from_a_file_is_edited_and_run(
    ui: Ui, stack: Stack, example: dict[str, Any], tmp_path: Path
) -> None:
    ui.load(example, tmp_path, "circle")
    ui.text("a red circle on a blue background").fill("a green circle on a white background")
    ui.run()
    ui.hear("execution_success")
    assert ui.heard() >= {"execution_start", "progress", "b_preview_with_metadata", "executed"}
    red, green, blue = centre(shown(stack, ui.outputs()[0]))
    assert green > 2 * red and green > 2 * blue


def test_queue_and_history_show_the_picture(ui: Ui, example: dict[str, Any], tmp_path: Path) -> None:
    example["9"]["inputs"]["filename_prefix"] = "in the panels"
    ui.load(example, tmp_path, "panels")
    ui.run()
    ui.hear("execution_success")
    ui.page.get_by_test_id("queue-overlay-toggle").click()
    jobs = ui.page.get_by_test_id("job-assets-list")
    expect(jobs.get_by_text("in the panels_00001_.png")).to_be_visible()
    assert ui.picture(jobs.locator("img").first) == [128, 128]
    ui.page.get_by_test_id("queue-overlay-toggle").click()
    ui.page.get_by_test_id("assets-tab-button").click()
    assert ui.picture(ui.page.locator("img[src*='in+the+panels'], img[src*='in%20the%20panels']").first) == [128, 128]
    ui.page.get_by_test_id("assets-tab-button").click()


def test_a_picture_is_uploaded_and_used(ui: Ui, stack: Stack, tmp_path: Path) -> None:
    Image.new("RGB", (96, 64), GREEN).save(tmp_path / "green.png")
    stack.client.post("/upload/image", files={"image": ("another.png", (tmp_path / "green.png").read_bytes())})
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "another.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "copy"}},
    }
    ui.load(graph, tmp_path, "upload")
    with ui.page.expect_file_chooser() as chooser, ui.page.expect_response("**/api/upload/image"):
        ui.click_widget("LoadImage", "upload")
        chooser.value.set_files(tmp_path / "green.png")
    ui.page.wait_for_function(
        "window.app.graph.nodes.find(node => node.type == 'LoadImage').widgets[0].value == 'green.png'"
    )
    ui.run()
    ui.hear("execution_success")
    copy = next(picture for picture in ui.outputs() if picture["filename"].startswith("copy"))
    assert centre(shown(stack, copy)) == GREEN


def test_a_workflow_that_was_saved_is_there_after_a_reload(ui: Ui, example: dict[str, Any], tmp_path: Path) -> None:
    example["3"]["inputs"]["steps"] = 7
    ui.load(example, tmp_path, "to be saved")
    ui.page.keyboard.press("Control+s")
    name = ui.page.get_by_role("dialog").get_by_role("textbox")
    name.fill("my seven steps")
    with ui.page.expect_response("**/api/userdata/workflows*"):
        name.press("Enter")
    ui.open()
    ui.page.get_by_test_id("workflows-tab-button").click()
    ui.page.get_by_role("tree").get_by_text("my seven steps").click()
    expect(ui.page.get_by_test_id("workflow-tab").filter(has_text="my seven steps")).to_be_visible()
    assert ui.widget("KSampler", "steps") == 7
    ui.page.get_by_test_id("workflows-tab-button").click()


def test_what_is_wrong_is_shown_at_its_node(ui: Ui, example: dict[str, Any], tmp_path: Path) -> None:
    del example["8"]["inputs"]["samples"]
    ui.load(example, tmp_path, "broken")
    ui.run()
    expect(ui.page.get_by_test_id("error-overlay")).to_contain_text("VAE Decode is missing a required input: samples")
    wrong = ui.page.evaluate("window.app.graph.nodes.filter(node => node.has_errors).map(node => node.type)")
    assert wrong == ["VAEDecode"]
    ui.page.get_by_test_id("error-overlay-dismiss").click()


def test_the_cancel_button_interrupts(ui: Ui, stack: Stack, example: dict[str, Any], tmp_path: Path) -> None:
    example["3"]["inputs"]["steps"] = 10_000
    ui.load(example, tmp_path, "endless")
    ui.run()
    ui.hear("b_preview_with_metadata")
    ui.button("Cancel current run").click()
    ui.hear("execution_interrupted")
    assert stack.get("/queue")["queue_running"] == []


def test_nothing_was_asked_for_in_vain_and_nothing_failed(ui: Ui) -> None:
    without_pictures = {answer for answer in ui.refused if not TEMPLATE_PICTURE.fullmatch(answer)}
    assert without_pictures <= NOT_THERE
    assert ui.errors == []
