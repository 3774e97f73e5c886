"""`python -m cellwarden`: the same as the command `cellwarden`."""

import sys

from cellwarden.cli import main

sys.exit(main())
