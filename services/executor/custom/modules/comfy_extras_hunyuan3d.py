"""What `comfy_extras.nodes_hunyuan3d` holds beside its nodes."""

from __future__ import annotations

from services.executor.nodes.geometry.shapes import Mesh as MESH
from services.executor.nodes.geometry.shapes import Voxels as VOXEL

__all__ = ["MESH", "VOXEL"]
