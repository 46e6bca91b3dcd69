"""Nodes that turn grids into triangles and store these."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from torch import Tensor

from services.executor.nodes.declarations import chosen, number
from services.executor.nodes.filename_prefix import name_to_number
from services.executor.nodes.geometry.glb import glb_of
from services.executor.nodes.geometry.shapes import Mesh, Voxels, in_unit_cube
from services.executor.nodes.geometry.surfaces import blocks, surface_net
from services.executor.nodes.limits import check_size
from services.executor.nodes.saving import HIDDEN
from services.executor.nodes.stored_files import store, workflow_texts
from services.files.records import FileKind

THRESHOLD = number(0.6, -1.0, 1.0, 0.01)
ALGORITHMS = {"surface net": surface_net, "basic": blocks}

#: Values that a point of the grid may take while its surface is looked for, at most.
VALUES_PER_POINT = 24


class _ShapeNode:
    CATEGORY = "3d"
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_hunyuan3d"


class VoxelToMesh(_ShapeNode):
    """The surface of a grid."""

    RETURN_TYPES = ("MESH",)
    FUNCTION = "decode"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The grid, how to find the surface, and above which value there is something."""
        return {"required": {"voxel": ("VOXEL",), "algorithm": (list(ALGORITHMS),), "threshold": THRESHOLD}}

    def decode(self, voxel: Voxels, algorithm: str, threshold: float) -> tuple[Mesh]:
        """Return the triangles, x, y and z from -1 to 1 along the longest side.

        Raises:
            ValueError: unknown algorithm, no grid, nothing in it above the threshold, or the work could not be held.
        """
        find = chosen(ALGORITHMS, algorithm, "algorithm")
        found = []
        for grid in _checked(voxel):
            vertices, faces = find(grid, threshold)
            if not len(faces):
                raise ValueError(f"threshold: nothing in the grid lies above {threshold:g}")
            found.append((in_unit_cube(vertices, grid.shape), faces.flip(-1)))  # as the axes are turned round
        return (Mesh([vertices for vertices, _ in found], [faces for _, faces in found]),)


class VoxelToMeshBasic(VoxelToMesh):
    """The surface of a grid, of squares."""

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The grid, and above which value there is something."""
        return {"required": {"voxel": ("VOXEL",), "threshold": THRESHOLD}}

    def decode(self, voxel: Voxels, threshold: float, algorithm: str = "basic") -> tuple[Mesh]:  # type: ignore[override]
        """As of `VoxelToMesh`."""
        return super().decode(voxel, algorithm, threshold)


class SaveGLB(_ShapeNode):
    """Shapes kept in the output folder."""

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The shapes and what their names begin with."""
        prefix = ("STRING", {"default": "mesh/ComfyUI"})
        return {"required": {"mesh": ("MESH",), "filename_prefix": prefix}, "hidden": HIDDEN}

    def save(
        self,
        mesh: Mesh,
        filename_prefix: str,
        prompt: object = None,
        extra_pnginfo: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store one file for each shape, with the workflow inside, and say under which names.

        Raises:
            InvalidArgument: the prefix leads out of the folder.
            ValueError: a shape has no triangles.
        """
        place = name_to_number(FileKind.OUTPUT, filename_prefix, 0, 0, datetime.now())
        texts = workflow_texts(prompt, extra_pnginfo)
        saved = []
        for index, (vertices, faces) in enumerate(zip(mesh.vertices, mesh.faces, strict=True)):
            if not len(faces):
                raise ValueError(f"mesh: shape {index} has no triangles")
            data = glb_of(vertices, faces, texts)
            saved.append(store(place, ".glb", data, index))
        return {"ui": {"3d": saved}}


def _checked(voxel: Voxels) -> Tensor:
    grids = voxel.data
    if not isinstance(grids, Tensor) or grids.ndim != 4:
        raise ValueError("voxel: expected a grid (batch, depth, height, width)")
    check_size("voxel", *grids.shape[1:], VALUES_PER_POINT)
    return grids


NODES: tuple[type, ...] = (VoxelToMeshBasic, VoxelToMesh, SaveGLB)
