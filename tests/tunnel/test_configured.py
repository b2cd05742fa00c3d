"""tunnel/given: a token or an address that cannot be one is said before anything is started, and never shown."""

from __future__ import annotations

import pytest

from nbhelpers.errors import ServiceError
from nbhelpers.tunnel.configured import checked_token, public_base
from tests.support.tunnels import TOKEN


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, "NGROK_AUTHTOKEN is not set"),
        ("  ", "NGROK_AUTHTOKEN is not set"),
        (f"ngrok config add-authtoken {TOKEN}", "a whole command line"),
        (f"--authtoken={TOKEN}", "a whole command line"),
        ("ak_2aaaaaaaaaaaaaaaaaaaa", "the ID of an API key"),
        (f"{TOKEN} {TOKEN}", "hold something that no token has"),
        ("short", "too few"),
        ("x" * 300, "too many"),
        ("tökentökentöken", "no token has"),
    ],
)
def test_what_cannot_be_a_token_is_said_without_showing_it(given: str | None, seen: str):
    with pytest.raises(ServiceError, match=seen) as failed:
        checked_token(given)
    assert TOKEN not in str(failed.value)
    assert "dashboard.ngrok.com/get-started/your-authtoken" in str(failed.value)


@pytest.mark.fast
def test_a_token_is_taken_without_the_space_around_it():
    assert checked_token(f" {TOKEN}\n") == TOKEN


@pytest.mark.fast
@pytest.mark.parametrize(
    "url",
    [
        "ada.example",
        "ftp://ada.example",
        "https://",
        "https://ada.example/hook",
        "https://a@b.c",
        "file:///x",
        "https://x:y",
    ],
)
def test_a_public_url_that_is_no_base_address_is_explained(url: str):
    with pytest.raises(ServiceError, match=r"PUBLIC_URL is not the address of a tunnel\. It says .* no path behind it"):
        public_base(url)


@pytest.mark.fast
def test_a_public_url_is_taken_with_or_without_a_slash_at_its_end():
    assert public_base(" https://ada.example/ ") == "https://ada.example"
    assert public_base("https://ada.example:8443") == "https://ada.example:8443"


@pytest.mark.fast
@pytest.mark.parametrize("url", ["https://a..b", f"https://{'x' * 70}.example", "https://[::1", "https://a b.c"])
def test_an_address_that_no_call_could_be_made_to_is_said_before_one_is(url: str):
    with pytest.raises(ServiceError, match="PUBLIC_URL is not the address of a tunnel"):
        public_base(url)


@pytest.mark.fast
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8710", "http://localhost:8710", "https://[::1]:1", "http://0.0.0.0:1"]
)
def test_this_computers_own_address_is_public_to_nobody_unless_the_service_is_simulated_here(url: str):
    for service in ("https://api.nexmo.com", None):
        with pytest.raises(ServiceError, match="PUBLIC_URL is not public"):
            public_base(url, service)
    assert public_base(url, "http://127.0.0.1:9") == url


@pytest.mark.fast
def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(ServiceError) as refused:
        public_base("https://ada:secret-password@ada.example")
    assert "secret-password" not in str(refused.value)
    assert "ada.example" in str(refused.value)
