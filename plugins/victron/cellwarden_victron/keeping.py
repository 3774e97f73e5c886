"""The last errors of a service in a file of the state folder, so that a restart keeps them.

Written only when an error comes up: it is flash.
"""

import json
import logging
from pathlib import Path

LOG = logging.getLogger(__name__)


def read(path: Path) -> object:
    """Return what was kept, None if there is nothing or it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        LOG.warning("%s is not used: %s", path, error)
        return None


def write(path: Path, record: object) -> None:
    """Replace the file; a kill at any moment leaves the old one or the new one."""
    new = path.with_suffix(".new")
    try:
        new.write_text(json.dumps(record), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        LOG.warning("%s cannot be written: %s", path, error)
