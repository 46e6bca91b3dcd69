"""Secrets and signatures, as standardwebhooks.com has them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from services.errors import InvalidArgument
from services.queue.webhooks.schedule import MAX_ATTEMPTS, delay_after
from services.queue.webhooks.signature import VARIABLE, Signer, configured_signer
from services.queue.webhooks.webhooks import WebhookRules
from tests.queue.webhooks.receiver import SECRET, SECRET_TEXT


def test_the_signature_is_that_of_the_published_example() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = Signer([secret]).headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_with_two_secrets_there_are_two_signatures(tmp_path: Path) -> None:
    older = "whsec_" + base64.b64encode(b"x" * 32).decode()
    file = tmp_path / "secrets"
    file.write_text(f"{SECRET_TEXT}\n{older}\n")
    signer = configured_signer(file)
    assert signer is not None
    both = signer.headers("m", 1.0, b"{}")["webhook-signature"].split(" ")
    assert both == [Signer([secret]).headers("m", 1.0, b"{}")["webhook-signature"] for secret in (SECRET, b"x" * 32)]


def test_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configured_signer(None) is None
    monkeypatch.setenv(VARIABLE, SECRET_TEXT)
    assert configured_signer(None) is not None


@pytest.mark.parametrize("text", ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64", SECRET_TEXT[6:]])
def test_what_is_no_secret_is_refused_and_not_repeated(text: str, tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    with pytest.raises(InvalidArgument, match="does not hold a secret for webhooks: that is whsec_") as refusal:
        configured_signer(file)
    assert "hunter2" not in refusal.value.message


def test_a_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot be read"):
        configured_signer(tmp_path / "nothing")
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidArgument, match="is empty"):
        configured_signer(tmp_path / "empty")


def test_a_url_for_all_prompts_needs_a_secret() -> None:
    with pytest.raises(InvalidArgument, match="webhooks need a secret"):
        WebhookRules(url="https://example.com/")


def test_attempts_go_on_for_about_a_day() -> None:
    delays = [delay_after(attempt, 0.5) for attempt in range(1, MAX_ATTEMPTS)]
    assert delays[:3] == [10.0, 30.0, 90.0]
    assert 20 * 3600 < sum(delay or 0.0 for delay in delays) < 30 * 3600
    assert delay_after(MAX_ATTEMPTS) is None
    assert all(8.0 <= (delay_after(1) or 0.0) <= 12.0 for _ in range(50))
