"""Where a bucket is and who we are to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

import msgspec

from services.errors import InvalidArgument

#: Seconds that one request may take, its content included.
TIMEOUT = 30.0

#: Seconds for which a request that failed for the moment is made again.
RETRY_FOR = 20.0

_KEY = "AWS_ACCESS_KEY_ID"
_SECRET = "AWS_SECRET_ACCESS_KEY"


class Credentials(msgspec.Struct, frozen=True):
    """An identity of the store; not for logs."""

    key_id: str
    secret: str
    #: of a temporary identity, else empty
    token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.key_id})"


class Location(msgspec.Struct, frozen=True):
    """A folder of a bucket, and how to reach it."""

    bucket: str
    #: without slashes at its ends; empty for the whole bucket
    prefix: str
    #: scheme and host, without a slash at the end
    endpoint: str
    region: str
    credentials: Credentials
    timeout: float = TIMEOUT
    retry_for: float = RETRY_FOR

    @classmethod
    def parse(cls, store: str, endpoint: str, region: str, environment: Mapping[str, str] = os.environ) -> Self:
        """The location that an operator means by `s3://bucket/prefix`; what is not given comes from AWS' variables.

        Raises:
            InvalidArgument: this is no such address, or there are no credentials.
        """
        url = urlsplit(store)
        if url.scheme != "s3" or not url.netloc or url.query or url.fragment or "@" in url.netloc:
            raise InvalidArgument(f"{store!r} is not an address such as s3://bucket/prefix")
        region = region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = endpoint or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
        return cls(
            url.netloc,
            url.path.strip("/"),
            _checked(endpoint).rstrip("/") or f"https://s3.{region}.amazonaws.com",
            region,
            _credentials(environment),
        )

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"

    def key(self, path: str) -> str:
        """The key in the bucket of a path in this folder."""
        return f"{self.prefix}/{path}" if self.prefix else path


def _checked(endpoint: str) -> str:
    url = urlsplit(endpoint)
    if endpoint and (url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc):
        raise InvalidArgument("an S3 endpoint is an address such as https://s3.example.org, without credentials in it")
    return endpoint


def _credentials(environment: Mapping[str, str]) -> Credentials:
    missing = [name for name in (_KEY, _SECRET) if not environment.get(name)]
    if missing:
        raise InvalidArgument(f"an S3 store needs credentials in {_KEY} and {_SECRET}; {missing[0]} is not set")
    return Credentials(environment[_KEY], environment[_SECRET], environment.get("AWS_SESSION_TOKEN", ""))
