"""Reads what was configured, per mode, and finds the state directory."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from nbhelpers.config.private_files import mask
from nbhelpers.errors import SettingsError

__all__ = [
    "API_VERSIONS",
    "JUPYTER_STATE",
    "JUPYTER_URL",
    "MODES",
    "SANDBOX_SENDER",
    "TUNNELS",
    "Settings",
    "dotenv_path",
    "load",
    "spare_loopback",
    "state_directory",
]

#: Where messages go: our simulator, Vonage's hosted sandbox, or the live service.
MODES = ("simulator", "sandbox", "live")
#: What `MESSAGES_API_VERSION` may say: the paths to which messages are sent.
API_VERSIONS = ("beta", "v0.1", "v1")
TUNNELS = ("url", "ngrok", "jupyter")  #: what NBHELPERS_TUNNEL may say
#: Set by the server extension for its kernels: where the server itself listens, and which state it serves.
JUPYTER_URL, JUPYTER_STATE = "NBHELPERS_JUPYTER_URL", "NBHELPERS_JUPYTER_STATE"

# Hosts as the service documents them (reference: Messages API specification 1.11.0; the hosted sandbox's from the
# snippet variables of the developer site). The simulator's address is known only once it runs.
_HOSTS = {"simulator": None, "sandbox": "https://messages-sandbox.nexmo.com", "live": "https://api.nexmo.com"}

#: The hosted sandbox has one Page for everybody (source: the snippet variables of the developer site; not tried).
SANDBOX_SENDER = "107083064136738"

# Today's names first, then aliases: the guide's, and the one under which a build server holds a key in base64.
_NAMES = {
    "api_key": ("VONAGE_API_KEY", "NEXMO_API_KEY"),
    "api_secret": ("VONAGE_API_SECRET", "NEXMO_API_SECRET"),
    "application_id": ("VONAGE_APPLICATION_ID", "NEXMO_APPLICATION_ID"),
    "private_key": ("VONAGE_PRIVATE_KEY", "VONAGE_PRIVATE_KEY64", "NEXMO_PRIVATE_KEY"),
    "signature_secret": ("VONAGE_SIGNATURE_SECRET", "NEXMO_SIGNATURE_SECRET"),
    "sender_id": ("MESSENGER_SENDER_ID", "SENDER_ID"),
    "recipient_id": ("MESSENGER_RECIPIENT_ID", "RECIPIENT_ID"),
    "ngrok_authtoken": ("NGROK_AUTHTOKEN",),
    "ngrok_domain": ("NGROK_DOMAIN",),
    "ngrok_path": ("PYNGROK_NGROK_PATH",),
    "ngrok_connect_cas": ("NGROK_CONNECT_CAS",),
    "public_url": ("PUBLIC_URL",),
}
_SECRET = ("api_secret", "private_key", "signature_secret", "ngrok_authtoken")

# What a hub tells each server (source: JupyterHub's reference of environment variables): the path of the server, its
# public address, and the hub's. The last two only where whoever runs the hub has configured them.
_HUB_PREFIX, _HUB_URL, _HUB_ITSELF = "JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_PUBLIC_URL", "JUPYTERHUB_PUBLIC_HUB_URL"


@dataclass(frozen=True)
class Settings:
    """Everything that was configured for one mode. Secrets are masked when it is shown.

    `state` is the state directory (absolute), `folder` the part of it that belongs to this mode; `host` the base URL of
    the Messages API (`NBHELPERS_API_HOST` names another, such as a regional one). In simulator mode `load` leaves it
    and every credential None: they come from the running simulator and the state directory alone, and `Lab` fills them
    in. `jupyter_url` is where the Jupyter server above us listens and `jupyter_state` the state directory that it looks
    into, None when it lacks the kit's extension; `hub_prefix` its path on a hub, None elsewhere. `notes` says, in
    words, what was read in an unusual way.
    """

    mode: str
    state: Path
    api_version: str = "v0.1"
    host: str | None = None
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    application_id: str | None = None
    private_key: str | None = field(default=None, repr=False)
    signature_secret: str | None = field(default=None, repr=False)
    sender_id: str | None = None
    recipient_id: str | None = None
    ngrok_authtoken: str | None = field(default=None, repr=False)
    ngrok_domain: str | None = None
    ngrok_path: str | None = None
    ngrok_connect_cas: str | None = None
    public_url: str | None = None
    receiver_port: int = 8710
    simulator_port: int = 8711
    tunnel_asked: str | None = None
    jupyter_url: str | None = None
    jupyter_state: Path | None = None
    hub_prefix: str | None = None
    hub_public_url: str | None = None
    notes: tuple[str, ...] = ()

    @functools.cached_property
    def folder(self) -> Path:
        """The folder of this mode: nothing in it crosses to another mode."""
        return self.state / self.mode

    @functools.cached_property
    def made_key_file(self) -> Path:
        """The file of the private key that the course makes. Put together once, since each token asks for it."""
        return self.folder / "private.key"

    @property
    def account_host(self) -> str | None:
        """The base URL of the account's own APIs, such as Applications: the hosted sandbox has none of its own."""
        return _HOSTS["live"] if self.host == _HOSTS["sandbox"] else self.host

    @property
    def tunnel(self) -> str:
        """What makes the receiver public: `none` in simulator mode, else one of TUNNELS.

        On a hub its own address does, unless NBHELPERS_TUNNEL, PUBLIC_URL or a setting of ngrok's says otherwise.
        """
        if self.mode == "simulator":
            return "none"
        usual = "ngrok" if self.hub_prefix is None or self._has_ngrok else "jupyter"
        return self.tunnel_asked or ("url" if self.public_url else usual)

    @property
    def _has_ngrok(self) -> bool:
        return bool(self.ngrok_authtoken or self.ngrok_domain or self.ngrok_connect_cas)

    def __str__(self) -> str:
        lines = [f"mode {self.mode}, Messages API {self.api_version}, state in {self.state}"]
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None:
                lines.append(f"{_NAMES[name][0]} = {mask(value) if name in _SECRET else value}")
        return "\n".join([*lines, *self.notes])


def load(
    mode: str | None = None,
    state: str | os.PathLike[str] | None = None,
    api_version: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Read the settings: the arguments first, then the environment, then `.env` at the root of the kit.

    `environ` and `folder` stand in for the process's environment and working directory. Raises SettingsError when a
    value cannot be meant: an unknown mode or version, a port that is none, a state directory that no path means.
    """
    environ = os.environ if environ is None else environ
    folder = (folder or Path.cwd()).absolute()
    notes: list[str] = []
    values = _values(environ, folder, notes)

    mode = mode or values.get("NBHELPERS_MODE") or "simulator"
    _one_of("NBHELPERS_MODE", mode, MODES)
    api_version = api_version or values.get("MESSAGES_API_VERSION") or "v0.1"
    _one_of("MESSAGES_API_VERSION", api_version, API_VERSIONS)
    read: dict[str, str | None] = {}
    if mode != "simulator":
        for name, (today, *aliases) in _NAMES.items():
            read[name] = values.get(today)
            for alias in aliases:
                if read[name] is None and values.get(alias):
                    read[name] = values[alias]
                    notes.append(f"{alias} was read as {today}.")
        if asked := values.get("NBHELPERS_TUNNEL"):
            _one_of("NBHELPERS_TUNNEL", asked, TUNNELS)
            read["tunnel_asked"] = asked
        read["hub_public_url"] = _hub_public_url(environ)
    if mode == "sandbox":
        read["sender_id"] = read["sender_id"] or SANDBOX_SENDER
    return Settings(
        mode=mode,
        state=_state_directory(state or values.get("NBHELPERS_STATE"), folder, environ),
        api_version=api_version,
        host=_HOSTS[mode] if mode == "simulator" else _host(values.get("NBHELPERS_API_HOST")) or _HOSTS[mode],
        receiver_port=_port("NBHELPERS_RECEIVER_PORT", values.get("NBHELPERS_RECEIVER_PORT"), 8710),
        simulator_port=_port("NBHELPERS_SIMULATOR_PORT", values.get("NBHELPERS_SIMULATOR_PORT"), 8711),
        jupyter_url=environ.get(JUPYTER_URL) or None,
        jupyter_state=Path(environ[JUPYTER_STATE]) if environ.get(JUPYTER_STATE) else None,
        hub_prefix=environ.get(_HUB_PREFIX) or None,
        notes=tuple(notes),
        **read,
    )


def dotenv_path(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """Where `.env` is read from: the root of the kit, else the working directory (`folder` stands in for that).

    On a hub the kit is shared, and a learner has one lab whichever folder they are in: it stands beside their state.
    """
    folder, environ = (folder or Path.cwd()).absolute(), os.environ if environ is None else environ
    if environ.get(_HUB_PREFIX):
        return _home_state(environ) / ".env"
    return (_kit_root(folder) or folder) / ".env"


def state_directory() -> Path:
    """Return where the state of whoever runs us stands, whatever else in the settings cannot be meant."""
    environ, folder = os.environ, Path.cwd()
    return _state_directory(_values(environ, folder, []).get("NBHELPERS_STATE"), folder, environ)


def spare_loopback(environ: MutableMapping[str, str] | None = None) -> None:
    """Keep calls to this computer away from any proxy: a company's proxy must not break the offline course."""
    environ = os.environ if environ is None else environ
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in environ.get(name, "").split(",") if host]
        missing = [host for host in ("127.0.0.1", "localhost") if host not in hosts]
        environ[name] = ",".join(hosts + missing)


def _kit_root(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if _is_kit(place)), None)


def _is_kit(place: Path) -> bool:
    project = place / "pyproject.toml"
    return project.is_file() and 'name = "nbhelpers"' in project.read_text(encoding="utf-8", errors="replace")


def _values(environ: Mapping[str, str], folder: Path, notes: list[str]) -> dict[str, str]:
    stored = _dotenv(dotenv_path(folder, environ), notes)
    return stored | {name: value for name, value in environ.items() if value}


def _home_state(environ: Mapping[str, str]) -> Path:
    return (Path(environ.get("HOME") or Path.home()) / ".lab").resolve()


def _state_directory(wished: str | os.PathLike[str] | None, folder: Path, environ: Mapping[str, str]) -> Path:
    if wished:
        try:
            return (folder / Path(wished).expanduser()).resolve()
        except (RuntimeError, ValueError):  # of a user that there is not, or with a character that no path has
            raise SettingsError(
                "There is no such state directory.",
                f"It was given as {str(wished)!r}.",
                "Name a folder of this computer, or leave it out.",
            ) from None
    if environ.get(_HUB_PREFIX):
        return _home_state(environ)
    for place in (folder, *folder.parents):
        if (place / ".lab").is_dir() or _is_kit(place):
            return (place / ".lab").resolve()
    return (folder / ".lab").resolve()


def _dotenv(path: Path, notes: list[str]) -> dict[str, str]:
    if not path.is_file() and path.with_name(".env.txt").is_file():
        path = path.with_name(".env.txt")
        notes.append(f"{path} was read as .env: your editor added the .txt.")
    if not path.is_file():
        return {}
    from dotenv import dotenv_values  # opening the lab without a `.env` does not wait for it

    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{path} cannot be read.", "It is not stored as UTF-8.", "Save it as UTF-8.") from None
    # Taken as it stands: a secret may have ${…} in it.
    values = dotenv_values(stream=io.StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value}


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} cannot be used.", f"It says “{value}”.", f"Set it to {', '.join(choices)}.")


def _host(value: str | None) -> str | None:
    # Tokens and secrets go there: in the clear only to this computer.
    if not value:
        return None
    asked = urlsplit(value.rstrip("/"))
    loopback = asked.hostname in ("127.0.0.1", "localhost")
    if not asked.hostname or (asked.scheme != "https" and not (loopback and asked.scheme == "http")):
        raise SettingsError(
            "NBHELPERS_API_HOST is no address of the service.",
            f"It says “{value[:80]}”.",
            "Give https:// and a host, such as a regional one, or leave it out.",
        )
    return f"{asked.scheme}://{asked.netloc}"


def _hub_public_url(environ: Mapping[str, str]) -> str | None:
    # The hub's own address has the same host; behind it, the path of this server.
    own, hub, prefix = (environ.get(name) or "" for name in (_HUB_URL, _HUB_ITSELF, _HUB_PREFIX))
    if own:
        return own
    place = urlsplit(hub)
    return f"{place.scheme}://{place.netloc}{prefix}" if place.scheme and place.netloc and prefix else None


def _port(name: str, value: str | None, default: int) -> int:
    if not value:
        return default
    if not value.isdecimal() or not 0 <= int(value) <= 65535:
        raise SettingsError(f"{name} is no port.", f"It says “{value}”.", "Give a number from 1024 to 65535.")
    return int(value)
