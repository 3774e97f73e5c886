"""JBD (Xiaoxiang, LLT) BMS over Bluetooth: the frames of the serial port, in pieces of 20 bytes.

Service FF00, notified by FF01, written to FF02. Modules with a login of the first kind (command 15,
six digits) are logged in to; the later kinds (17, 18, 1D), which mix the password with the address,
are not published well enough.
"""

from cellwarden.config.secrets import read_secret
from cellwarden.errors import CommandRefused, ConfigError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden_hardware import ble_line
from cellwarden_hardware.asking import Asker
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.drivers.jbd import Jbd, settings_password
from cellwarden_hardware.kinds.jbd_ble import JbdBleOptions

_LOGIN_S = 2.0
_OPTIONAL_S = 1.0  # a question takes two connection intervals or more


class JbdBle(Jbd):
    """The driver of one pack."""

    def __init__(self, options: JbdBleOptions, context: DriverContext) -> None:
        line = ble_line.BleLine(
            options.port.upper(),
            service=jbd.SERVICE,
            notify=jbd.NOTIFY,
            write=jbd.WRITE_TO,
            name=context.pack,
            adapter=options.adapter,
        )
        asker = Asker(line, framing=jbd.FRAMING, silence_s=ble_line.SILENCE_S)
        password = settings_password(options.settings_password_file, options.settings_password_env)
        super().__init__(asker, context, password=password, optional_s=_OPTIONAL_S)
        self._options = options
        self._login()  # what is wrong with it is said at the start

    async def open(self) -> None:
        """Connect, and log in where a password is given."""
        try:
            login = self._login()
        except ConfigError as error:
            raise LinkError(self._pack, str(error)) from error
        await super().open()
        if login is not None:
            await self._log_in(login)

    def _login(self) -> bytes | None:
        options = self._options
        password = read_secret(
            "module_password", options.module_password_file, options.module_password_env
        )
        if password is None:
            return None
        try:
            return jbd.module_login_request(password)
        except CommandRefused as error:
            raise ConfigError(f"module_password_...: {error}") from error

    async def _log_in(self, request: bytes) -> None:
        try:
            (answer,) = await self._line.ask(
                request, lambda frame: isinstance(frame, jbd.Module), wait_s=_LOGIN_S, tries=2
            )
        except LinkTimeout as error:
            raise LinkTimeout(
                self._pack,
                "the Bluetooth module does not answer to its login: take module_password_... out"
                " if it has none; the newer kinds of login are not known here",
            ) from error
        assert isinstance(answer, jbd.Module)
        if not jbd.module_login_good(answer):
            raise LinkError(
                self._pack, "the Bluetooth module refuses module_password_...: correct it"
            )
