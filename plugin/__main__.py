"""``python -m plugin`` is ``optout``."""

import sys

from plugin.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
