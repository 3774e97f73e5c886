"""The settings of the output and of a relay at a broker, and how a password is read."""

from dataclasses import dataclass

from cellwarden.config.options import option
from cellwarden.config.secrets import read_secret
from cellwarden.errors import ConfigError


def _topic_problem(topic: str) -> str | None:
    """Return what makes a string unfit to begin (or be) a topic that is published to."""
    if not topic or topic != topic.strip("/") or "//" in topic:
        return "needs a topic without a slash at its ends, such as home/battery"
    if any(character in "+#" or character.isspace() for character in topic):
        return "must not hold +, # or white space"
    if not topic.isprintable():
        return "must not hold control characters"
    return None


def _host_problem(host: str) -> str | None:
    # The resolver refuses such names with a UnicodeError, which would end the network thread.
    if (
        not host
        or host.startswith(".")
        or ".." in host
        or any(len(p) > 63 for p in host.split("."))
    ):
        return "needs a host name or an IP address"
    if not host.isascii() or not host.isprintable() or " " in host:
        return "must be plain ASCII without spaces"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOptions:
    """Where the broker is, and how to log in there."""

    host: str = option(
        "localhost", help="MQTT broker, name or address", check=_host_problem, example="192.0.2.10"
    )
    port: int = option(1883, help="MQTT broker, usually 8883 with tls", minimum=1, maximum=65535)
    protocol: str = option(
        "auto",
        help="version of MQTT; auto: 5, and 3.1.1 for a broker that does not know 5",
        choices=("auto", "5", "3.1.1"),
    )
    username: str | None = option(None, help="login at the broker")
    username_file: str | None = option(
        None, help="file whose first line is the username, instead of username"
    )
    username_env: str | None = option(
        None, help="environment variable that holds the username, instead of username"
    )
    password_file: str | None = option(
        None, help="file whose first line is the password; readable by its owner only"
    )
    password_env: str | None = option(
        None, help="environment variable that holds the password, instead of password_file"
    )
    client_id: str | None = option(
        None, help="must be the only one of its kind at the broker; made up if it is left out"
    )
    keepalive_s: int = option(
        30,
        help="a link that breaks without a word shows after at most 1.5 times this",
        unit="s",
        minimum=5,
        maximum=600,
    )
    tls: bool = option(False, help="encrypt, and check the broker's certificate")
    ca_file: str | None = option(
        None, help="certificate authority of the broker, PEM; default the system's own"
    )
    cert_file: str | None = option(
        None, help="our certificate, PEM, for a broker that asks for one; needs key_file"
    )
    key_file: str | None = option(None, help="the key of cert_file, PEM, without a password")
    check_host_name: bool = option(
        True, help="the broker's certificate must be for the very name in host"
    )

    def __post_init__(self) -> None:
        """Refuse contradictions between keys, all at once."""
        problems = []
        if self.password_file is not None and self.password_env is not None:
            problems.append("password_file and password_env: give one of them, not both")
        names = (self.username, self.username_file, self.username_env)
        if sum(name is not None for name in names) > 1:
            problems.append("username, username_file and username_env: give one of them")
        given = self.password_file is not None or self.password_env is not None
        if given and not any(name is not None for name in names):
            problems.append("a password without username: add the username key")
        files = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        problems += [
            f"{key} is given but tls is false: set tls = true"
            for key, file in files.items()
            if file is not None and not self.tls
        ]
        if (self.cert_file is None) is not (self.key_file is None):
            problems.append("cert_file and key_file belong together: give both")
        if problems:
            raise ConfigError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeAssistantOptions(BrokerOptions):
    """The keys of an `[[output]]` table with `plugin = "homeassistant"`."""

    node_id: str | None = option(
        None,
        help="names this bank in topics and ids, for good; default from the bank's name",
        example="battery",
    )
    discovery_prefix: str = option(
        "homeassistant", help="as set in Home Assistant's MQTT integration", check=_topic_problem
    )
    base_topic: str = option(
        "cellwarden", help="states and availability are published below it", check=_topic_problem
    )
    birth_topic: str = option(
        "homeassistant/status",
        help="where Home Assistant says online after its start",
        check=_topic_problem,
    )
    publish_interval_s: float = option(
        5.0,
        help="time between two states of a device; alarms and stops are told at once",
        unit="s",
        minimum=1,
        maximum=60,
    )
    cells_interval_s: float = option(
        10.0, help="time between two values of a cell", unit="s", minimum=1, maximum=600
    )
    slow_interval_s: float = option(
        60.0,
        help="time between two values of counters, ages and lasting estimates",
        unit="s",
        minimum=1,
        maximum=60,
    )
    orders_last_s: float = option(
        900.0,
        help="limits, targets, blocks and charge modes that came over MQTT end by themselves after"
        " this time unless they are repeated",
        unit="s",
        minimum=10,
        maximum=86400,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttRelayOptions(BrokerOptions):
    """The keys of a `[[relay]]` table with `kind = "mqtt"`."""

    command_topic: str = option(
        help="where the switch is told on or off",
        check=_topic_problem,
        example="cmnd/heater/POWER",
    )
    state_topic: str = option(
        help="where it says what it is", check=_topic_problem, example="stat/heater/POWER"
    )
    payload_on: str = option("ON", help="on, in commands and in states")
    payload_off: str = option("OFF", help="off, likewise")
    state_key: str | None = option(
        None, help='key of a state that is JSON, such as "state" for Zigbee2MQTT'
    )
    availability_topic: str | None = option(
        None,
        help="where it says whether it is there, by a last will: then a state counts until a newer"
        " one comes; without it a state is forgotten unless each order is answered by one",
        check=_topic_problem,
    )
    payload_available: str = option("online", help="what it says there while it is")

    def __post_init__(self) -> None:
        """Refuse, beside what a broker's keys contradict, commands that would pass for states."""
        BrokerOptions.__post_init__(self)
        topics = [self.command_topic, self.state_topic, self.availability_topic]
        if len(set(topics)) < len(topics):
            raise ConfigError("command_topic, state_topic and availability_topic must differ")
        if self.payload_on.lower() == self.payload_off.lower():
            raise ConfigError("payload_on and payload_off must differ")


def read_username(options: BrokerOptions) -> str | None:
    """Return the username that the settings hold or point to, None if there is none.

    ConfigError if it cannot be read.
    """
    if options.username is not None:
        return options.username
    return read_secret("username", options.username_file, options.username_env)


def read_password(options: BrokerOptions) -> str | None:
    """Return the password that the settings point to, None if they point to none.

    ConfigError, without the secret, if it cannot be read.
    """
    return read_secret("password", options.password_file, options.password_env)
