"""Line drawings of pictures for control networks, under the class names that workflows use for HED and Scribble.

The edges are found by classical means, since no weights of HED may be shipped; they mark what its edges mark, in the
same form. The pack needs torch alone.
"""

from __future__ import annotations

from .nodes import HEDPreprocessor, ScribblePreprocessor

NODE_CLASS_MAPPINGS = {
    "HEDPreprocessor": HEDPreprocessor,
    "ScribblePreprocessor": ScribblePreprocessor,
}

NODE_DISPLAY_NAME_MAPPINGS = {
    "HEDPreprocessor": "HED Soft-Edge Lines",
    "ScribblePreprocessor": "Scribble Lines",
}
