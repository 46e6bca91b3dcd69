from __future__ import annotations

import pytest

from services.queue.packs import PackRoute


@pytest.mark.parametrize(
    ("route", "method", "path", "matches"),
    [
        (("GET", "/mine"), "GET", "/mine", True),
        (("GET", "/mine"), "HEAD", "/mine", True),
        (("GET", "/mine"), "POST", "/mine", False),
        (("*", "/mine"), "PATCH", "/mine", True),
        (("GET", "/mine"), "GET", "/mine/", False),
        (("GET", "/mi.e"), "GET", "/mine", False),
        (("GET", "/mine/{name}"), "GET", "/mine/a/b", True),
        (("GET", "/mine/{name}/end"), "GET", "/mine/a", False),
        (("GET", "/{a}/x/{b}"), "GET", "/1/x/2", True),
    ],
)
def test_a_route_matches(route: tuple[str, str], method: str, path: str, matches: bool) -> None:
    assert PackRoute(*route).matches(method, path) is matches
