"""How uploads and views are answered, and requests that a browser makes for a page from elsewhere."""

from __future__ import annotations

from tests.differences.difference import Change, Difference
from tests.recordings import Outcome

_NO_SERVER_ERROR = "ComfyUI answers 500"
_NOTHING_STORED = "ComfyUI answers with the name of a file that it never wrote"
_REASON = "a refusal says why"
_BODY = "ComfyUI's has no body"

#: What browsers show without running anything in it.
_SHOWN = ("image/", "video/", "audio/")


def _refused(status: int, type_: str) -> Change:
    """The change of an answer into one of the error shape."""

    def change(outcome: Outcome) -> None:
        outcome.clear()
        outcome |= {"status": status, "refused as": type_}

    return change


def _views(*names: str) -> tuple[str, ...]:
    return tuple(f"view: {name}" for name in names)


def _uploads(*names: str) -> tuple[str, ...]:
    return tuple(f"upload: {name}" for name in names)


def _download_what_is_no_picture(outcome: Outcome) -> None:
    shown_as = outcome.get("content-type")
    if shown_as and (not shown_as.startswith(_SHOWN) or shown_as == "image/svg+xml"):
        outcome["content-type"] = "application/octet-stream"


def _said_whether_to_show(outcome: Outcome) -> None:
    if "content-disposition" in outcome:
        kind = "attachment" if outcome["content-type"] == "application/octet-stream" else "inline"
        outcome["content-disposition"] = f"{kind}; {outcome['content-disposition']}"


def _named(disposition: str) -> Change:
    def change(outcome: Outcome) -> None:
        outcome["content-disposition"] = disposition

    return change


def _stored_as(**facts: str) -> Change:
    def change(outcome: Outcome) -> None:
        outcome["answer"] = {**outcome["answer"], **facts}

    return change


IN_VIEWS = (
    Difference(
        "names in headers are quoted",
        "S23",
        _named('filename="a\\"b.txt"'),
        _views("quote in filename (Content-Disposition injection)"),
    ),
    Difference(
        "names in headers are ASCII, and UTF-8 by RFC 6266",
        "S23",
        _named("filename=\"sp ace _.txt\"; filename*=UTF-8''sp%20ace%20%C3%A9.txt"),
        _views("space+unicode filename"),
    ),
    Difference("what is no picture, sound or video is a download", "S1 and S2", _download_what_is_no_picture),
    Difference("an answer says whether it is to be shown", "S1", _said_whether_to_show),
    Difference(
        "what is no picture is not converted",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_request"),
        _views("preview on non image", "channel=rgb on non image"),
    ),
    Difference(
        "no file can have a control character in its name",
        "S14: names are checked before files are looked for",
        _refused(400, "invalid_request"),
        _views("CRLF in filename", "NUL in filename"),
    ),
    Difference(
        _REASON,
        _BODY,
        _refused(404, "not_found"),
        _views(
            "no filename",
            "missing file",
            "subfolder missing",
            "filename with subpath is basenamed",
            "filename is a directory",
            "annotated without space",
        ),
    ),
    Difference(
        _REASON,
        _BODY,
        _refused(400, "invalid_request"),
        _views(
            "empty filename",
            "type=bogus",
            "filename traversal",
            "filename double-dot inside name",
            "filename absolute",
            "annotation only",
        ),
    ),
    Difference(
        _REASON,
        _BODY,
        _refused(403, "forbidden"),
        _views("subfolder traversal", "subfolder traversal one level", "subfolder absolute"),
    ),
    Difference(
        _REASON, _BODY, _refused(416, "out_of_range"), _views("Range unsatisfiable", "Range multi", "Range garbage")
    ),
)

IN_UPLOADS = (
    Difference(
        "what is no form is refused",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_multipart"),
        _uploads("urlencoded", "broken multipart"),
    ),
    Difference(_REASON, _BODY, _refused(400, "invalid_multipart"), _uploads("not multipart (json)", "no body")),
    Difference(
        "types and names that are none are refused",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_request"),
        _uploads(
            "type=bogus",
            "filename absolute",
            "filename with dir inside",
            "filename empty",
            "no filename param (plain field)",
        ),
    ),
    Difference(
        _REASON,
        _BODY,
        _refused(400, "invalid_request"),
        _uploads(
            "subfolder traversal", "subfolder absolute", "filename traversal", "no image field", "other field name"
        ),
    ),
    Difference(
        "a folder has one spelling",
        "S14: what is stored is found under the name that is answered",
        _stored_as(subfolder="b"),
        _uploads("subfolder inside-normalised"),
    ),
    Difference(
        "the same mask again is the same file",
        "ComfyUI compares the mask with the masked picture",
        _stored_as(name="clipspace-mask-1.png"),
        _uploads("mask dedupe/rename second time (hash compares mask bytes to merged file)"),
    ),
    Difference(
        "a mask needs its original",
        _NOTHING_STORED,
        _refused(404, "not_found"),
        _uploads("mask original missing -> 200 but nothing saved", "mask default type is output"),
    ),
    Difference(
        "the original of a mask is a file",
        _NOTHING_STORED,
        _refused(400, "invalid_request"),
        _uploads("mask original_ref traversal -> 200 but nothing saved", "mask bad type"),
    ),
    Difference(
        "a mask fits its original, and says which that is",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_request"),
        _uploads("mask original_ref missing", "mask size differs", "mask not an image"),
    ),
    Difference(
        "the original of a mask is named in JSON",
        _NO_SERVER_ERROR,
        _refused(400, "invalid_json"),
        _uploads("mask original_ref bad json"),
    ),
)

IN_ORIGINS = (
    Difference(
        "pages from elsewhere are refused wherever the gateway is",
        "S8 and S9",
        lambda outcome: outcome.update(status=403),
        (
            "origin: POST /prompt non-loopback host + foreign origin",
            "origin: GET /queue non-loopback host + foreign origin",
        ),
    ),
)

IN_FILES = (*IN_VIEWS, *IN_UPLOADS, *IN_ORIGINS)
