"""The nodes that come with the executor, in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.executor.nodes import (
    alpha,
    animations,
    blending,
    canny,
    clip_layers,
    colour_spaces,
    composites,
    conditioning_arithmetic,
    conditioning_options,
    conditioning_properties,
    conditioning_regions,
    empty_latents,
    image_batches,
    image_noise,
    image_scaling,
    image_stitch,
    image_transforms,
    latent_arithmetic,
    latent_batch,
    latent_composite,
    latent_files,
    latent_operations,
    latent_transform,
    load_mask,
    mask_preview,
    mask_shapes,
    masks,
    model_sigmas,
    morphology,
    noise,
    outpainting,
    preview_any,
    primitives,
    published_schedules,
    quantizing,
    rebatch,
    regular_expressions,
    samplers,
    sampling_parts,
    sharpness,
    sigma_arithmetic,
    sigma_schedules,
    strings,
    switch,
    websocket_saving,
)
from services.executor.nodes.conditioning import CLIPTextEncode
from services.executor.nodes.image import EmptyImage, ImageInvert, ImageScale
from services.executor.nodes.latent import EmptyLatentImage, VAEDecode, VAEEncode
from services.executor.nodes.load_image import LoadImage
from services.executor.nodes.loaders import CheckpointLoaderSimple
from services.executor.nodes.sampling import KSampler
from services.executor.nodes.saving import PreviewImage, SaveImage

#: Families that list their nodes themselves.
FAMILIES: Sequence[tuple[type, ...]] = (
    strings.NODES,
    regular_expressions.NODES,
    primitives.NODES,
    preview_any.NODES,
    latent_arithmetic.NODES,
    latent_batch.NODES,
    latent_transform.NODES,
    latent_composite.NODES,
    latent_operations.NODES,
    latent_files.NODES,
    empty_latents.NODES,
    rebatch.NODES,
    alpha.NODES,
    animations.NODES,
    blending.NODES,
    canny.NODES,
    colour_spaces.NODES,
    composites.NODES,
    image_batches.NODES,
    image_noise.NODES,
    image_scaling.NODES,
    image_stitch.NODES,
    image_transforms.NODES,
    load_mask.NODES,
    mask_preview.NODES,
    mask_shapes.NODES,
    masks.NODES,
    morphology.NODES,
    outpainting.NODES,
    quantizing.NODES,
    sharpness.NODES,
    websocket_saving.NODES,
    conditioning_arithmetic.NODES,
    conditioning_regions.NODES,
    conditioning_properties.NODES,
    conditioning_options.NODES,
    sampling_parts.NODES,
    clip_layers.NODES,
    sigma_schedules.NODES,
    sigma_arithmetic.NODES,
    noise.NODES,
    samplers.NODES,
    published_schedules.NODES,
    switch.NODES,
    model_sigmas.NODES,
)

NODE_CLASSES: Mapping[str, type] = {
    cls.__name__: cls
    for cls in (
        KSampler,
        CheckpointLoaderSimple,
        CLIPTextEncode,
        VAEDecode,
        VAEEncode,
        EmptyLatentImage,
        SaveImage,
        PreviewImage,
        LoadImage,
        EmptyImage,
        ImageInvert,
        ImageScale,
        *(node for family in FAMILIES for node in family),
    )
}

#: What a canvas shows instead of the class's name.
DISPLAY_NAMES: Mapping[str, str | None] = {
    "CheckpointLoaderSimple": "Load Checkpoint",
    "CLIPTextEncode": "CLIP Text Encode (Prompt)",
    "EmptyLatentImage": "Empty Latent Image",
    "ImageInvert": "Invert Image",
    "ImageScale": "Upscale Image",
    "LoadImage": "Load Image",
    "PreviewImage": "Preview Image",
    "SaveImage": "Save Image",
    "VAEDecode": "VAE Decode",
    "VAEEncode": "VAE Encode",
    **{name: cls.DISPLAY_NAME for name, cls in NODE_CLASSES.items() if hasattr(cls, "DISPLAY_NAME")},
}
