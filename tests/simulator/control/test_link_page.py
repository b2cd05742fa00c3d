"""The link page over HTTP: a form for a browser, JSON for `requests`, and a bad JWT explained and refused."""

from __future__ import annotations

import time
import uuid
from html.parser import HTMLParser
from typing import Any

import jwt
import pytest
import requests

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from tests.support.labs import own_key

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Form(HTMLParser):
    """The fields of a page, and what a person reads on it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, words: str) -> None:
        self.words.append(words)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def get(lab: Lab) -> Form:
    answer = requests.get(lab.simulator.link_page.url, headers=BROWSER, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return Form(answer.text)


def post(lab: Lab, token: str, page: str = "Corner Bakery", browser: bool = True) -> requests.Response:
    headers = BROWSER if browser else {}
    return requests.post(lab.simulator.link_page.url, data={"jwt": token, "page": page}, headers=headers, timeout=5)


def signed(lab: Lab, key: PrivateKey | None = None, **changed: Any) -> str:
    now = int(time.time())
    usual = {"application_id": lab.facts["application_id"], "iat": now, "exp": now + 900, "jti": str(uuid.uuid4())}
    claims = {name: value for name, value in (usual | changed).items() if value is not None}
    return jwt.encode(claims, (key or own_key(lab)).key, algorithm="RS256")


def linked_to(lab: Lab, page: str = "Corner Bakery") -> str | None:
    return next(found["application_id"] for found in lab.simulator.pages() if found["name"] == page)


@pytest.mark.fast
def test_a_browser_gets_a_form_with_labels(ready: Lab) -> None:
    form = get(ready)
    assert form.all("form") == [{"method": "post"}]
    (area,) = form.all("textarea")
    assert (area["name"], area["autocomplete"]) == ("jwt", "off")
    assert {"for": "jwt"} in form.all("label")
    assert "Corner Bakery" in [choice["value"] for choice in form.all("input")]
    assert "SIMULATOR: this page is simulated on your own computer." in form.text
    assert "Your JWT" in form.text


@pytest.mark.fast
def test_nothing_is_fetched_from_elsewhere(ready: Lab) -> None:
    form = get(ready)
    assert not form.all("script") + form.all("link") + form.all("img")


@pytest.mark.fast
def test_it_needs_no_control_token_for_the_jwt_says_who_may(ready: Lab) -> None:
    url = f"{ready.settings.host}/_simulator"
    assert requests.get(f"{url}/link", timeout=5).status_code == 200
    assert requests.get(f"{url}/pages", timeout=5).status_code == 403


def chosen(form: Form) -> list[str]:
    return [choice["value"] for choice in form.all("input") if "checked" in choice]


def test_the_only_page_is_chosen_and_among_several_none(fresh: Lab) -> None:
    fresh.need("link")
    assert chosen(get(fresh)) == ["Corner Bakery"]
    fresh.simulator.create_page("Bike Shop")
    form = get(fresh)
    assert chosen(form) == []
    assert all("required" in choice for choice in form.all("input"))
    assert "Corner Bakery (linked)" in form.text


def test_without_a_page_it_says_where_one_is_made(fresh: Lab) -> None:
    form = get(fresh)
    assert "There is no Page yet. Make one in step 1, then load this page again." in form.text
    assert not form.all("form")


@pytest.mark.fast
def test_a_page_name_with_markup_is_text_and_can_be_linked(ready: Lab) -> None:
    name = "<script>alert(\"1\")</script> & 'Sons'"
    ready.simulator.create_page(name)
    form = get(ready)
    assert not form.all("script")
    assert name in form.text
    assert name in [choice["value"] for choice in form.all("input")]
    answer = post(ready, signed(ready), name)
    assert answer.status_code == 200
    assert f"“{name}” is linked." in Form(answer.text).text
    assert not Form(answer.text).all("script")


@pytest.mark.fast
def test_a_good_jwt_shows_the_page_id(ready: Lab) -> None:
    ready.simulator.unlink("Corner Bakery")
    answer = post(ready, signed(ready))
    assert answer.status_code == 200
    assert f"“Corner Bakery” is linked. Your Page ID is {ready.facts['page_id']}." in Form(answer.text).text
    assert linked_to(ready) == ready.facts["application_id"]


@pytest.mark.fast
def test_for_a_projector_the_jwt_is_dots_the_page_id_is_masked_and_the_type_is_large(presented: Lab) -> None:
    form = get(presented)
    (field,) = [each for each in form.all("input") if each["name"] == "jwt"]
    assert field["type"] == "password" and not form.all("textarea")
    assert form.all("body") == [{"class": "presented"}]
    refused = post(presented, "eyJub3QiOiJhIHRva2VuIn0.e30.x")
    assert refused.status_code == 401 and "Refused." in Form(refused.text).text and "presented" in refused.text
    presented.simulator.unlink("Corner Bakery")
    linked = post(presented, signed(presented))
    page_id = presented.facts["page_id"]
    assert f"“Corner Bakery” is linked. Your Page ID is ••••{page_id[-4:]}." in Form(linked.text).text
    assert page_id not in linked.text
    presented.present(False)
    assert get(presented).all("textarea") and get(presented).all("body") == [{}]


@pytest.mark.fast
def test_requests_get_json(ready: Lab) -> None:
    ready.simulator.unlink("Corner Bakery")
    answer = post(ready, signed(ready), browser=False)
    assert (answer.status_code, answer.json()) == (
        200,
        {"page_id": ready.facts["page_id"], "page": "Corner Bakery", "linked": True},
    )
    as_json = {"jwt": signed(ready), "page": "Corner Bakery"}
    assert requests.post(ready.simulator.link_page.url, json=as_json, timeout=5).json()["linked"] is True


@pytest.mark.fast
@pytest.mark.parametrize("wrapped", ["  {}\n", "Bearer {}", '"{}"'])
def test_what_pasting_leaves_around_a_token_does_no_harm(ready: Lab, wrapped: str) -> None:
    assert post(ready, wrapped.format(signed(ready))).status_code == 200
    token = signed(ready)
    assert post(ready, f"{token[:80]}\n{token[80:]}").status_code == 200


@pytest.mark.fast
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iat": 1_700_000_000, "exp": 1_700_000_900}, "This token ran out"),
        ({"application_id": "unknown"}, "It names an application that does not exist."),
        ({"application_id": None}, "It names an application that does not exist."),
        ({"application_id": "\ud800"}, "It names an application that does not exist."),
        ({"jti": None}, "It says no jti; expected an ID of its own."),
        ({"exp": 4_000_000_000}, "It says exp 4000000000; expected a time at most 24 hours after iat."),
        (
            {"exp": 1_900_000_000_000},
            "It says exp 1900000000000; expected a time at most 24 hours after iat, in seconds.",
        ),
        ({"iat": 1_900_000_000_000}, "It says iat 1900000000000; expected the time it was issued, in seconds."),
    ],
)
def test_a_bad_jwt_is_explained_and_refused(ready: Lab, changed: dict[str, Any], reason: str) -> None:
    ready.simulator.unlink("Corner Bakery")
    token = signed(ready, **changed)
    answer = post(ready, token)
    form = Form(answer.text)
    assert answer.status_code == 401
    assert f"Refused. {reason}" in form.text
    assert form.all("textarea"), "the form is there to try again"
    assert token not in answer.text
    assert linked_to(ready) is None


def test_a_token_that_time_was_let_pass_for_has_run_out(fresh: Lab) -> None:
    fresh.need("link")
    token = signed(fresh)
    fresh.simulator.advance(minutes=75)
    assert "Refused. This token ran out 60 minutes ago. Mint a new one" in Form(post(fresh, token).text).text
    assert post(fresh, signed(fresh)).status_code == 200


@pytest.mark.fast
def test_a_key_of_somebody_else_is_explained(ready: Lab, other_key: PrivateKey) -> None:
    answer = post(ready, signed(ready, other_key))
    assert answer.status_code == 401
    assert "The signature does not fit the application's public key." in Form(answer.text).text


@pytest.mark.fast
@pytest.mark.parametrize("rubbish", ["", "no token", "a.b.c", "<script>alert(1)</script>", "é.•.x", "eyJ" * 2000])
def test_rubbish_is_explained_and_not_shown_again(ready: Lab, rubbish: str) -> None:
    answer = post(ready, rubbish)
    form = Form(answer.text)
    assert answer.status_code == 401
    assert "Refused. This" in form.text
    assert not form.all("script")
    assert "eyJeyJ" not in answer.text


@pytest.mark.fast
def test_requests_get_the_services_own_401(ready: Lab) -> None:
    answer = post(ready, "rubbish", browser=False)
    assert answer.status_code == 401
    assert (answer.json()["title"], answer.json()["detail"]) == ("Unauthorised", "Invalid Token")


@pytest.mark.fast
def test_a_page_that_does_not_exist_is_said_on_the_page_and_in_json(ready: Lab) -> None:
    answer = post(ready, signed(ready), "<i>Nowhere</i>")
    assert answer.status_code == 400
    assert "There is no such Page. You named <i>Nowhere</i>" in Form(answer.text).text
    assert not Form(answer.text).all("i")
    answer = post(ready, signed(ready), "Nowhere", browser=False)
    assert (answer.status_code, answer.json()["error"]) == (400, "There is no such Page.")


@pytest.mark.fast
def test_the_reason_is_kept_with_the_page_it_was_for_until_a_link_succeeds(ready: Lab) -> None:
    def refused() -> dict[str, str | None]:
        return {page["name"]: page["refused"] for page in ready.simulator.pages()}

    ready.simulator.create_page("Other Page")
    post(ready, signed(ready, application_id="unknown"))
    assert refused()["Corner Bakery"] == "It names an application that does not exist."
    assert refused()["Other Page"] is None
    post(ready, signed(ready))
    assert refused()["Corner Bakery"] is None


@pytest.mark.fast
def test_a_web_page_elsewhere_cannot_send_the_form(ready: Lab) -> None:
    ready.simulator.unlink("Corner Bakery")
    form = {"jwt": signed(ready), "page": "Corner Bakery"}
    foreign = {"Origin": "https://evil.example"}
    answer = requests.post(ready.simulator.link_page.url, data=form, headers=foreign, timeout=5)
    assert answer.status_code == 400
    assert linked_to(ready) is None
