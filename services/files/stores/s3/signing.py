"""AWS Signature Version 4: what tells an S3 store who makes a request, and that nobody changed it on its way."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

from services.files.stores.s3.location import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


def signed_headers(
    method: str,
    url: str,
    query: Mapping[str, str],
    body_sha256: str,
    credentials: Credentials,
    region: str,
    now: datetime,
) -> dict[str, str]:
    """The headers of a request.

    Args:
        url: of the object, quoted, without a query.
        body_sha256: of the body, in hex; the store refuses a body that is another one.
        now: in UTC.
    """
    address = urlsplit(url)
    headers = {
        "host": address.netloc,
        "x-amz-content-sha256": body_sha256,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = "\n".join([method, address.path, canonical_query(query), lines, names, body_sha256])
    scope = f"{now:%Y%m%d}/{region}/s3/aws4_request"
    to_sign = "\n".join([_ALGORITHM, headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.new(_key(credentials.secret, scope), to_sign.encode(), hashlib.sha256).hexdigest()
    return headers | {
        "authorization": f"{_ALGORITHM} Credential={credentials.key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    }


def canonical_query(query: Mapping[str, str]) -> str:
    """A query string as it is signed, and sent."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))


def _key(secret: str, scope: str) -> bytes:
    """The key of a day, a region and a service, derived from the secret."""
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
