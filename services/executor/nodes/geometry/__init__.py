"""Shapes: VOXEL and MESH values, how one becomes the other, and files of them."""

from __future__ import annotations
