"""Packages as `pip` leaves them: a front end, and workflow templates that are spread over several packages."""

from __future__ import annotations

from pathlib import Path

PAGE = b"<!doctype html><title>made for a test</title>" + b"<!-- as long as pages are -->" * 50
SCRIPT = b"export const answer = 42;\n" * 100
PICTURE = b"\x89PNG" + bytes(range(256)) * 8

FILES = {
    "comfyui_frontend_package/static/index.html": PAGE,
    "comfyui_frontend_package/static/assets/index-BKeTeXLp.js": SCRIPT,
    "comfyui_frontend_package/static/assets/images/logo.png": PICTURE,
    "comfyui_frontend_package/static/extensions/core/clipspace.js": SCRIPT,
    "comfyui_frontend_package/static/scripts/app.js": SCRIPT,
    "comfyui_frontend_package/static/fonts/inter.woff2": PICTURE,
    "comfyui_frontend_package/private.txt": b"outside",
    "comfyui_workflow_templates_json/templates/index.json": b"[]",
    "comfyui_workflow_templates_json/templates/default.json": b'{"nodes": []}',
    "comfyui_workflow_templates_media_image/templates/default-1.webp": PICTURE,
    "comfyui_embedded_docs/docs/KSampler/en.md": b"# KSampler\n",
    "comfyui_frontend_package-1.58.1.dist-info/METADATA": b"Name: comfyui_frontend_package\nVersion: 1.58.1\n",
    "comfyui_workflow_templates_json-0.1.123.dist-info/METADATA": (
        b"Name: comfyui_workflow_templates_json\nVersion: 0.1.123\n"
    ),
}


def install(site: Path) -> Path:
    """Put the packages into a folder; returns the folder of the front end."""
    for name, content in FILES.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return site / "comfyui_frontend_package" / "static"
