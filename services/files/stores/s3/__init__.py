"""Files in a bucket of an S3-compatible store, their names in a database."""

from __future__ import annotations
