"""Nodes that turn grids into triangles and store these."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from services.errors import InvalidArgument
from services.executor.nodes import limits
from services.executor.nodes.geometry.shapes import Mesh, Voxels
from services.executor.nodes.meshes import SaveGLB, VoxelToMesh, VoxelToMeshBasic
from tests.executor.nodes.conftest import Surroundings

PROMPT = {"1": {"class_type": "SaveGLB", "inputs": {}}}
TRIANGLE = Mesh(torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0]]]), torch.tensor([[[0, 1, 2]]]))


def read_glb(path: Path) -> tuple[dict[str, Any], bytes]:
    """The document and the buffer of a file."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    document_length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and document_length % 4 == 0
    buffer_length, kind = struct.unpack_from("<I4s", data, 20 + document_length)
    assert kind == b"BIN\0" and 28 + document_length + buffer_length == len(data)
    return json.loads(data[20 : 20 + document_length]), data[28 + document_length :]


@pytest.mark.parametrize("algorithm", ["surface net", "basic"])
def test_width_height_and_depth_become_x_y_and_z_with_the_longest_from_minus_one_to_one(algorithm: str) -> None:
    (mesh,) = VoxelToMesh().decode(Voxels(torch.ones(1, 4, 8, 16)), algorithm, 0.5)
    vertices, faces = mesh.vertices[0], mesh.faces[0]
    reach = vertices.amax(0)
    torch.testing.assert_close(vertices.amin(0), -reach)
    assert float(reach[0]) == pytest.approx(1.0, abs=0.05)
    assert (reach[1] < reach[0] * 0.6) and (reach[2] < reach[1] * 0.6)
    a, b, c = (vertices[faces[:, index]] for index in range(3))
    assert float((torch.linalg.cross(a, b) * c).sum()) > 0, "anticlockwise seen from outside"


def test_the_basic_node_makes_squares() -> None:
    grid = Voxels(torch.ones(1, 1, 1, 1))
    (mesh,) = VoxelToMeshBasic().decode(grid, 0.5)
    assert mesh.vertices[0].shape == (8, 3) and mesh.faces[0].shape == (12, 3)
    assert mesh.vertices[0].abs().tolist() == [[1, 1, 1]] * 8
    assert torch.equal(mesh.vertices[0], VoxelToMesh().decode(grid, "basic", 0.5)[0].vertices[0])


def test_shapes_of_different_sizes_are_kept_beside_each_other() -> None:
    grids = torch.zeros(2, 2, 2, 2)
    grids[0, 0, 0, 0] = 1
    grids[1] = 1
    (mesh,) = VoxelToMesh().decode(Voxels(grids), "basic", 0.5)
    assert len(mesh) == 2
    assert [len(faces) for faces in mesh.faces] == [12, 48]


def test_a_shape_is_stored_as_a_binary_gltf(surroundings: Surroundings) -> None:
    answer = SaveGLB().save(TRIANGLE, "mesh/shape", prompt=PROMPT, extra_pnginfo={"workflow": {"nodes": []}})
    assert answer == {"ui": {"3d": [{"filename": "shape_00001_.glb", "subfolder": "mesh", "type": "output"}]}}
    document, buffer = read_glb(surroundings.folder / "output/mesh/shape_00001_.glb")
    assert document["asset"]["extras"] == {"prompt": PROMPT, "workflow": {"nodes": []}}
    positions, indices = document["accessors"]
    assert (positions["count"], positions["min"], positions["max"]) == (3, [0, 0, 0], [1, 2, 0])
    assert struct.unpack_from("<9f", buffer) == (0, 0, 0, 1, 0, 0, 0, 2, 0)
    assert indices["count"] == 3
    assert struct.unpack_from("<3I", buffer, document["bufferViews"][1]["byteOffset"]) == (0, 1, 2)
    assert document["buffers"][0]["byteLength"] == len(buffer) == 48


def test_every_shape_becomes_a_file(surroundings: Surroundings) -> None:
    both = Mesh([TRIANGLE.vertices[0]] * 2, [TRIANGLE.faces[0], TRIANGLE.faces[0].repeat(2, 1)])
    names = [name["filename"] for name in SaveGLB().save(both, "%batch_num%")["ui"]["3d"]]
    assert names == ["0_00001_.glb", "1_00001_.glb"]


def test_bad_inputs_are_named(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Voxels(torch.ones(1, 2, 2, 2))
    with pytest.raises(ValueError, match="^algorithm: 'cubes' is not one of surface net, basic"):
        VoxelToMesh().decode(grid, "cubes", 0.5)
    with pytest.raises(ValueError, match="^threshold: nothing in the grid lies above 1"):
        VoxelToMesh().decode(grid, "basic", 1.0)
    with pytest.raises(ValueError, match="^voxel: expected a grid"):
        VoxelToMesh().decode(Voxels(torch.ones(2, 2, 2)), "basic", 0.5)
    with pytest.raises(ValueError, match="^mesh: shape 0 has no triangles"):
        SaveGLB().save(Mesh(TRIANGLE.vertices, torch.empty(1, 0, 3)), "shape")
    with pytest.raises(InvalidArgument, match="filename_prefix"):
        SaveGLB().save(TRIANGLE, "../evil")
    monkeypatch.setattr(limits, "largest_result", lambda: 2**10)
    with pytest.raises(ValueError, match="^voxel: "):
        VoxelToMesh().decode(Voxels(torch.ones(1, 9, 9, 9)), "basic", 0.5)
