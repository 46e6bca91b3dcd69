"""`comfy_api.input_impl`, `comfy_api.util` and the like: videos, and what they consist of and can be written as."""

from __future__ import annotations

from services.executor.nodes.video.components import VideoCodec, VideoComponents, VideoContainer
from services.executor.nodes.video.interface import Video as VideoInput
from services.executor.nodes.video.sources import VideoFromComponents, VideoFromFile

__all__ = ["VideoCodec", "VideoComponents", "VideoContainer", "VideoFromComponents", "VideoFromFile", "VideoInput"]
