"""A JupyterHub on one host for a room of up to some forty: see README.md for every command before and after this."""

# ruff: noqa: F821 - `c`, `get_config` and `load_subconfig` are the hub's
import os
import sys
from pathlib import Path

c = get_config()
here = Path(__file__).resolve().parent
load_subconfig(str(here / "room.py"))

# ---- where it is ----

# Kernels are told it: it is the address of everybody's webhooks. https is ended here, or by what stands in front.
c.JupyterHub.public_url = os.environ.get("HUB_PUBLIC_URL", "https://hub.example.org/")
c.JupyterHub.bind_url = os.environ.get("HUB_BIND_URL", "http://127.0.0.1:8000")
# c.JupyterHub.ssl_key, c.JupyterHub.ssl_cert = "/etc/ssl/private/hub.key", "/etc/ssl/certs/hub.pem"

# What is never logged: the secret in the path of a webhook. The proxy names a path when a server has just died.
MASK = r"s#(nbhelpers/webhooks/)[^/? ]+#\1****#g"
c.ConfigurableHTTPProxy.command = [
    *("bash", "-c", 'mask=$1; shift; exec configurable-http-proxy "$@" > >(exec sed -u -E "$mask") 2>&1'),
    *("proxy", MASK),
]

# ---- who may come, and what each gets ----

# Everybody has a user account of the system: PAM asks for its password, and the system keeps each out of others' homes.
c.JupyterHub.authenticator_class = "pam"
c.Authenticator.allowed_users = set(os.environ.get("HUB_LEARNERS", "").split())
c.Authenticator.admin_users = set()
presenters = os.environ.get("HUB_PRESENTERS", "").split()
c.Authenticator.allowed_users |= set(presenters)

# The kit stands once, in the environment of this hub, and belongs to root: nobody can change it.
c.Spawner.cmd = [str(Path(sys.prefix) / "bin" / "jupyterhub-singleuser")]
c.Spawner.default_url = "/lab"
# Nothing asks about news or newer versions in the midst of a course.
c.Spawner.args = ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
c.Spawner.environment = {"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin"}
c.Spawner.start_timeout = 120
# Forty who press the button at once are started ten at a time; the others wait.
c.JupyterHub.concurrent_spawn_limit = 10
c.JupyterHub.active_server_limit = int(os.environ.get("HUB_MOST_SERVERS", "60"))

# ---- services: the board, and what stops idle servers ----

c.JupyterHub.services = [
    {
        "name": "board",
        "url": os.environ.get("HUB_BOARD_URL", "http://127.0.0.1:10101"),
        "command": [sys.executable, "-m", "nbhelpers", "board", "--proxy", c.JupyterHub.bind_url],
        "oauth_no_confirm": True,
    },
    {
        "name": "culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600", "--cull-every=300"],
    },
]
c.JupyterHub.load_roles = [
    {"name": "board", "services": ["board"], "scopes": ["list:users", "read:servers", "custom:nbhelpers:progress"]},
    {"name": "presenter", "users": presenters, "scopes": ["self", "access:services!service=board"]},
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    },
]
