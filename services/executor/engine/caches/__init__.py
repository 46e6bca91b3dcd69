"""What is kept between prompts: the choices of `--cache`."""

from __future__ import annotations
