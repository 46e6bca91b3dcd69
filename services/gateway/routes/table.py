"""All routes, as data."""

from __future__ import annotations

from services.gateway.openapi import build_document
from services.gateway.resource import Endpoint
from services.gateway.routes import (
    asset_tags,
    assets,
    extensions,
    free,
    history,
    internal,
    interrupt,
    jobs,
    models,
    nodes,
    openapi,
    pack_documents,
    prompts,
    queue,
    settings,
    socket,
    status,
    system,
    uploads,
    userdata,
    users,
    view,
    web_ui,
)
from services.gateway.v2 import assets as v2_assets

#: Every one of `ROUTES` also exists under this prefix.
PREFIX = "/api"

SOCKET_PATH = "/ws"

ROUTES: tuple[Endpoint, ...] = (
    Endpoint("/", {"GET": web_ui.show_page}),
    Endpoint("/assets", {"GET": assets.show, "POST": assets.upload}),
    Endpoint("/assets/from-hash", {"POST": assets.create_from_hash}),
    Endpoint("/assets/hash/{hash}", {"GET": assets.check_hash}),
    Endpoint("/assets/tags/refine", {"GET": asset_tags.count}),
    # Files of the web UI lie below /assets as well: none is named by a UUID.
    Endpoint("/assets/{id:uuid}", {"GET": assets.show_one, "PUT": assets.change, "DELETE": assets.delete}),
    Endpoint("/assets/{id:uuid}/content", {"GET": assets.show_content}),
    Endpoint("/assets/{id:uuid}/tags", {"POST": asset_tags.add, "DELETE": asset_tags.remove}),
    Endpoint("/embeddings", {"GET": models.list_embeddings}),
    Endpoint("/experiment/models", {"GET": models.describe_folders}),
    Endpoint("/experiment/models/preview/{folder}/{path_index}/{filename:path}", {"GET": models.show_picture}),
    Endpoint("/experiment/models/{folder}", {"GET": models.describe_models}),
    Endpoint("/extensions", {"GET": extensions.list_scripts}),
    Endpoint("/extensions/{path:path}", {"GET": extensions.show}),
    Endpoint("/features", {"GET": system.show_features}),
    Endpoint("/free", {"POST": free.free}),
    Endpoint("/global_subgraphs", {"GET": pack_documents.list_subgraphs}),
    Endpoint("/global_subgraphs/{id}", {"GET": pack_documents.show_subgraph}),
    Endpoint("/health", {"GET": system.show_health}),
    Endpoint("/health/live", {"GET": system.show_liveness}),
    Endpoint("/ready", {"GET": system.show_readiness}),
    Endpoint("/history", {"GET": history.show, "POST": history.change}),
    Endpoint("/history/{prompt_id:path}", {"GET": history.show_one}),
    Endpoint("/i18n", {"GET": pack_documents.show_translations}),
    Endpoint("/interrupt", {"POST": interrupt.interrupt, "GET": interrupt.interrupt_by_get}),
    Endpoint("/jobs", {"GET": jobs.show}),
    Endpoint("/jobs/cancel", {"POST": jobs.cancel}),
    Endpoint("/jobs/{job_id:path}/cancel", {"POST": jobs.cancel_one}),
    Endpoint("/jobs/{job_id:path}/export", {"GET": jobs.export}),
    Endpoint("/jobs/{job_id:path}", {"GET": jobs.show_one}),
    Endpoint("/metrics", {"GET": system.show_metrics}),
    Endpoint("/models", {"GET": models.list_folders}),
    Endpoint("/models/{folder}", {"GET": models.list_models}),
    Endpoint("/node_replacements", {"GET": pack_documents.list_replacements}),
    Endpoint("/object_info", {"GET": nodes.show_all}),
    Endpoint("/object_info/{node_class:path}", {"GET": nodes.show_one}),
    Endpoint("/openapi.json", {"GET": openapi.document_of(lambda: build_document(ROUTES, INTERNAL_ROUTES, PREFIX))}),
    Endpoint("/prompt", {"GET": prompts.remaining, "POST": prompts.submit}),
    Endpoint("/queue", {"GET": queue.show, "POST": queue.change}),
    Endpoint("/status", {"GET": status.show}),
    Endpoint("/settings", {"GET": settings.show, "POST": settings.change}),
    Endpoint("/settings/{id}", {"GET": settings.show_one, "POST": settings.change_one}),
    Endpoint("/system_stats", {"GET": system.show_stats}),
    Endpoint("/tags", {"GET": asset_tags.show}),
    Endpoint("/upload/image", {"POST": uploads.upload_image}),
    Endpoint("/upload/mask", {"POST": uploads.upload_mask}),
    Endpoint("/userdata", {"GET": userdata.show_folder}),
    Endpoint(
        "/userdata/{file}", {"GET": userdata.show_file, "POST": userdata.store_file, "DELETE": userdata.delete_file}
    ),
    Endpoint("/userdata/{file}/move/{dest}", {"POST": userdata.move_file}),
    Endpoint("/users", {"GET": users.show, "POST": users.add}),
    Endpoint("/v2/assets", {"POST": v2_assets.upload}),
    Endpoint("/v2/assets/by-hash/{hash}", {"GET": v2_assets.check_hash}),
    Endpoint("/v2/assets/from-hash", {"POST": v2_assets.create_from_hash}),
    Endpoint("/v2/assets/{id}", {"GET": v2_assets.show, "DELETE": v2_assets.delete}),
    Endpoint("/v2/assets/{id}/content", {"GET": v2_assets.show_content}),
    Endpoint("/v2/userdata", {"GET": userdata.show_tree}),
    Endpoint("/view", {"GET": view.show}),
    Endpoint("/view_metadata/{folder_name}", {"GET": models.show_metadata, "POST": models.show_metadata_by_post}),
    Endpoint("/workflow_templates", {"GET": pack_documents.list_workflows}),
    Endpoint("/workflow_templates/{pack}/{path:path}", {"GET": pack_documents.show_workflow}),
    Endpoint(SOCKET_PATH, {"GET": socket.explain}),
)

#: Without the prefix only.
INTERNAL_ROUTES: tuple[Endpoint, ...] = (
    Endpoint("/internal/logs", {"GET": internal.show_logs}),
    Endpoint("/internal/logs/raw", {"GET": internal.show_raw_logs}),
    Endpoint("/internal/logs/subscribe", {"PATCH": internal.subscribe}),
    Endpoint("/internal/folder_paths", {"GET": internal.show_folder_paths}),
    Endpoint("/internal/files/{directory_type}", {"GET": internal.list_files}),
)
