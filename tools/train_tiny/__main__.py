"""Trains, writes and measures the tiny checkpoint: `python -m tools.train_tiny --out FOLDER`."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch

from services.executor.diffusion.checkpoints import load_checkpoint
from services.executor.diffusion.models.unet import UNet
from services.executor.diffusion.models.vae import Vae
from tools.train_tiny import data, measure, text, unet, vae
from tools.train_tiny.captions import plain_caption
from tools.train_tiny.contact_sheet import save_contact_sheet
from tools.train_tiny.export import export
from tools.train_tiny.loop import Plan, run
from tools.train_tiny.scenes import random_scenes

FILE_NAME = "silverprint-tiny.safetensors"
TEXT_BATCH = 96
UNET_BATCH = 64
VAE_BATCH = 12
SHOWN = 40  # pictures on the contact sheet
MEASURE_SEED = 77
"""Scenes to measure by come from a seed of their own, whatever the training's."""


def main() -> None:
    """Run all stages, going on where an earlier run was cut off."""
    options = _options()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    encoder = trained_text(options)
    autoencoder = trained_vae(options)
    denoiser = trained_unet(options, encoder)
    path = options.out / FILE_NAME
    export(encoder.encoder, denoiser, autoencoder, path)
    print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if options.measured:
        _measure(path, options)


def trained_text(options: argparse.Namespace) -> text.TextTrainer:
    """The text encoder, settled."""
    torch.manual_seed(options.seed)
    trainer = text.TextTrainer()

    def loss(generator: torch.Generator) -> torch.Tensor:
        rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
        return text.loss_of(trainer, random_scenes(TEXT_BATCH, generator), rng)

    run(Plan("text", options.text_steps, rate=2e-3, average=0.99), trainer, loss, options.out, options.seed)
    trainer.settle()
    return trainer


def trained_vae(options: argparse.Namespace) -> Vae:
    """The autoencoder."""
    torch.manual_seed(options.seed)
    autoencoder = Vae(vae.SPEC)
    vae.start(autoencoder)

    def loss(generator: torch.Generator) -> torch.Tensor:
        return vae.loss_of(autoencoder, VAE_BATCH, generator)

    run(Plan("vae", options.vae_steps, rate=2e-3, average=0.995), autoencoder, loss, options.out, options.seed)
    return autoencoder


def trained_unet(options: argparse.Namespace, encoder: text.TextTrainer) -> UNet:
    """The UNet, on pictures captioned by the settled text encoder."""
    torch.manual_seed(options.seed)
    denoiser = UNet(unet.spec_of(unet.LADDER))
    unet.start_small(denoiser)
    pictures = data.table(options.pictures, encoder, options.seed)

    def loss(generator: torch.Generator) -> torch.Tensor:
        return unet.loss_of(denoiser, *pictures.batch(UNET_BATCH, generator), generator)

    run(Plan("unet", options.unet_steps, rate=1e-3, average=0.9985), denoiser, loss, options.out, options.seed)
    return denoiser


def _measure(path: Path, options: argparse.Namespace) -> None:
    checkpoint = load_checkpoint(path)
    scenes = random_scenes(options.measured, torch.Generator().manual_seed(MEASURE_SEED))
    prompts = [plain_caption(scene) for scene in scenes[:SHOWN]]
    shown = measure.pictures(checkpoint, prompts, measure.Setting(), MEASURE_SEED)
    save_contact_sheet(shown, prompts, options.out / "contact-sheet.png")
    print(measure.table(checkpoint, scenes, measure.SETTINGS, MEASURE_SEED))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.train_tiny", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and for resuming")
    parser.add_argument("--text-steps", type=int, default=3500)
    parser.add_argument("--vae-steps", type=int, default=4900)
    parser.add_argument("--unet-steps", type=int, default=5200)
    parser.add_argument("--pictures", type=int, default=64000, help="drawn for the UNet, kept in memory (5 kB each)")
    parser.add_argument("--measured", type=int, default=100, help="pictures made and read back for each setting")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
