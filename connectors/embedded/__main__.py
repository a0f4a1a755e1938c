"""Starts the embedded CRM: ``python -m connectors.embedded --port 0 --database FILE --token-env NAME``."""

from __future__ import annotations

import sys

from connectors.embedded.crm.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
