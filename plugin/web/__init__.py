"""The web side: call results come in over HTTP, and what the API takes is documented at ``/docs``."""

from plugin.web.app import create_app
from plugin.web.server import WebServer, bind

__all__ = ["WebServer", "bind", "create_app"]
