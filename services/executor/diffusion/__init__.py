"""Diffusion models in torch: everything between a checkpoint and a picture."""
