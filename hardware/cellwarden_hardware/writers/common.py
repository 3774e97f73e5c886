"""What the writing sides of all drivers have in common."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.config.secrets import read_secret
from cellwarden.errors import CommandRefused, ConfigError, WrongPassword
from cellwarden.model import PARAMETERS, RequestKind

MAY_WRITE = frozenset(spec.name for spec in PARAMETERS if spec.writable)
"""Parameters that a person may change in a device (R23 leaves two out)."""

SETTINGS = "settings_password"
CONNECT = "connect_password"


def password_file(which: str) -> str | None:
    """Return the field of a driver's options for a password's file; `which` as `SETTINGS`."""
    field: str | None = option(
        None,
        help=f"file, readable by its owner only, whose first line is the BMS's {_WORDS[which]}",
    )
    return field


def password_env(which: str) -> str | None:
    """Return the field of a driver's options for a password's environment variable."""
    field: str | None = option(
        None,
        help=f"environment variable that holds it, instead of {which}_file",
    )
    return field


_WORDS = {
    SETTINGS: "settings password, for writing; without it the maker's own is tried",
    CONNECT: "connection password; with it a BMS that has another is not read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """Where a password of a device is to be found, and what the maker sets it to."""

    which: str
    """`SETTINGS` or `CONNECT`: the beginning of the keys."""
    file: str | None
    env: str | None
    default: str | None = None
    """As every new device has it, printed in the maker's manual."""

    @property
    def given(self) -> bool:
        """Whether the configuration refers to one."""
        return self.file is not None or self.env is not None

    def read(self) -> str | None:
        """Return it, or the maker's; CommandRefused if the reference leads nowhere."""
        try:
            found = read_secret(self.which, self.file, self.env)
        except ConfigError as error:
            raise CommandRefused(str(error)) from error
        return self.default if found is None else found

    def check(self, held: str) -> None:
        """Compare it with what a device holds; WrongPassword if it is another."""
        mine = self.read()
        if mine is not None and hmac.compare_digest(mine.encode(), held.encode()):
            return
        name = self.which.replace("_", " ")
        if self.given:
            raise WrongPassword(f"the BMS has another {name} than the one configured")
        raise WrongPassword(
            f"the {name} of the BMS is not the maker's: give it by {self.which}_file or"
            f" {self.which}_env in its [[pack]]"
        )


NO_PASSWORD = Password(which=SETTINGS, file=None, env=None)
"""None is configured, and the maker sets none."""


def refusal_by(table: Mapping[RequestKind, str], kind: RequestKind) -> str | None:
    """Return why a kind is not possible, by a protocol's table; the empty text allows it."""
    return table.get(kind, "this protocol has no command for it") or None


def letters_and_digits(value: object, most: int) -> str:
    """Return a device's name as it may be (R45); CommandRefused if it is none."""
    text = str(value)
    if not (text.isascii() and text.isalnum() and 0 < len(text) <= most):
        raise CommandRefused(f"a name has 1 to {most} ASCII letters and digits, not {text!r}")
    return text


def printable(value: object, most: int, what: str) -> str:
    """Return a text of printable ASCII; CommandRefused if it is none. Never shows the text."""
    text = str(value)
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= most):
        raise CommandRefused(f"a {what} has 1 to {most} printable ASCII characters")
    return text
