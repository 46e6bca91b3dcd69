"""Checks that need a real accelerator; skipped where there is none. Under two minutes on one GPU with 16 GB or more:

python -m pytest tests/gpu -q -rA
"""
