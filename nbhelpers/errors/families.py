"""Says what is known of a code that has no cure of its own: of what family it is, and where it is explained."""

from __future__ import annotations

from nbhelpers.errors.cures import Cure

__all__ = ["family"]

# The last number of each family, and what it is about. By ngrok's error reference, read in ngrok/ngrok-docs
# (snippets/errors/_err_ngrok_list.mdx); numbers that stand in none are not told of.
_NGROK = (
    (99, ""),
    (199, "starting the ngrok program: its token, the account, its version"),
    (299, "ngrok's own API, which takes an API key and not the token"),
    (399, "opening a public address: whether the account may, and how it was asked for"),
    (599, "domains and addresses that an account reserves"),
    (699, "the tokens and keys of an account"),
    (799, "the limits of a plan: connections, requests, bytes"),
    (899, "the line between the ngrok program and its service"),
    (999, ""),
    (1099, "paying for ngrok"),
    (1199, "tunnels over SSH"),
    (1999, "settings in ngrok's dashboard"),
    (2999, "traffic policies"),
    (3999, "a visit of the public address that ngrok refused or could not pass on"),
    (4499, "accounts and their users"),
    (4999, "how an address or a login is written"),
    (5099, "how many of something an account may have"),
    (5599, "events, and logins of visitors"),
    (6499, "public addresses that contradict each other, or are not served any more"),
    (6999, "settings in ngrok's dashboard"),
    (7999, "edges, which ngrok has given up"),
    (8999, "the way from this computer to ngrok, and from the ngrok program to your server"),
    (9999, "what an account may do with the ngrok program"),
    (13999, "ngrok's own web pages"),
    (14999, ""),
    (15999, "opening a public address: whether the account may, and how it was asked for"),
    (17999, "users and how they log in"),
    (18999, "addresses that ngrok itself serves"),
    (20999, "ngrok in Kubernetes"),
    (22999, "the network or country that a call comes from"),
    (24999, "vaults and secrets"),
    (26999, "logins and certificates of domains"),
    (27999, "ngrok's gateway for AI"),
)
# The same of receipts, by the list of errors of the Messages API's reference: (first, last, what).
_STATUS = (
    (1040, 1299, "usually one of phone numbers and their carriers"),
    (1460, 1461, "one of how many messages may go to somebody"),
    (1470, 1476, "one of the account's protection against fraud"),
    (1480, 1490, "one of text messages to phones"),
    (2000, 2999, "one of other channels, such as e-mail"),
)
_HTTP = {
    "1": ("The call is still under way.", "Wait for its answer."),
    "2": (
        "The service took the call: this is no error.",
        "Do nothing. Whether a message was delivered, its receipts say: `nbhelpers inbox`.",
    ),
    "3": (
        "The answer is another address: this one has moved, or a network wants you to log in.",
        "Compare the address with `lab.settings.host`, or open it in a browser.",
    ),
    "4": (
        "The call was refused: the fault is in what was sent, or in who sent it.",
        "Read the answer's own words, `answer.text`, mend the call and send again.",
    ),
    "5": (
        "The service, or something before it, had a fault of its own.",
        "Look for a receipt before you send again: the message may have been taken.",
    ),
}


def family(space: str, code: str) -> Cure | None:
    """Return what is known of a code of this space that has no cure; None where nothing is known."""
    if space == "ngrok" and code.isdecimal():
        return _ngrok(int(code))
    if space == "http" and len(code) == 3 and code[0] in _HTTP and code.isdecimal():
        what, following = _HTTP[code[0]]
        return Cure(what, following, f"The call was answered {code}.")
    if space == "status" and code.isdecimal() and 1000 <= int(code) <= 2999:
        about = next((words for first, last, words in _STATUS if first <= int(code) <= last), "")
        about = f": it is {about}" if about else ""
        return Cure(
            f"A message was taken and refused later; for this code the kit has no words{about}.",
            "Read the text beside the code; the Messages API's reference at developer.vonage.com lists all of them.",
            f"A status webhook says `rejected` with code {code}.",
        )
    if space == "refusal":
        return Cure(
            "A call was refused; for this fragment the kit has no words.",
            "Read `title` and `detail` beside it; developer.vonage.com/api-errors lists the fragments.",
            f"The `type` of the error ends in #{code}.",
        )
    if space == "kit":
        return Cure(
            "The kit stopped by itself: its line says what happened, what was seen, and what to do.",
            "Do what its last sentence says.",
            f"The line begins with {code}.",
        )
    if space == "python":
        return Cure(
            f"Python stopped with {code}: the fault is in the code that ran, and not in an answer of the service.",
            "Read the last line, which says what was wrong, and the line with the arrow, which says where.",
            f"The last line begins with {code}.",
        )
    return None


def _ngrok(number: int) -> Cure:
    about = next((words for last, words in _NGROK if number <= last), "")
    what = "The kit has no words of its own for this number of ngrok's"
    return Cure(
        f"{what}; it is one of those about {about}." if about else f"{what}.",
        f"Read https://ngrok.com/docs/errors/err_ngrok_{number}, or go on in simulator mode.",
        f"ngrok names ERR_NGROK_{number}.",
    )
