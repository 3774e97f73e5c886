"""How the connection is made: versions of MQTT, certificates, and a line that is slow."""

import contextlib
import gc
import json
import logging
import socket
import subprocess
import threading
import time

import pytest

from cellwarden.errors import LinkError
from support.processes import until
from support.states import bank_state
from support.tools import require_tool

pytestmark = pytest.mark.system

BASE = "cellwarden/battery"
LOGGER = "cellwarden_homeassistant.link"


def connected(running):
    return until(lambda: running.output.status()["connected"], 10, "the connection")


def failed(running, words):
    until(lambda: words in running.output.status()["last_error"], 10, words)
    assert running.output.status()["connected"] is False


def welcome(broker):
    """What the broker noted of our connection."""
    return next(line for line in broker.log().splitlines() if " as cellwarden-battery (" in line)


# -- versions of MQTT ------------------------------------------------------------------------------


def test_a_broker_that_knows_mqtt_5_is_spoken_to_in_it(broker, run_output):
    running = run_output(broker)
    connected(running)
    assert running.output.status()["protocol"] == "5"
    assert "p5" in next(
        line for line in broker.log().splitlines() if "cellwarden-battery (" in line
    )


def test_the_older_version_can_be_asked_for(broker, run_output):
    running = run_output(broker, protocol="3.1.1")
    connected(running)
    assert running.output.status()["protocol"] == "3.1.1"
    assert "p2" in next(
        line for line in broker.log().splitlines() if "cellwarden-battery (" in line
    )


@pytest.mark.parametrize("hangs_up", [False, True])
def test_a_broker_that_does_not_know_mqtt_5_is_spoken_to_in_3_1_1(
    make_peer, run_output, caplog, hangs_up
):
    caplog.set_level(logging.INFO, LOGGER)
    peer = make_peer(hangs_up=hangs_up)
    running = run_output(peer)
    connected(running)
    assert running.output.status()["protocol"] == "3.1.1"
    assert peer.versions == [5, 5, 4] if hangs_up else [5, 4]
    assert "trying MQTT 3.1.1" in caplog.text
    assert running.alive


def test_a_version_that_was_asked_for_is_not_changed(make_peer, run_output):
    peer = make_peer()
    running = run_output(peer, protocol="5")
    until(lambda: len(peer.versions) >= 2, 10, "a second try")
    assert set(peer.versions) == {5}
    assert "Unsupported protocol version" in running.output.status()["last_error"]


# -- certificates ----------------------------------------------------------------------------------


def openssl(*arguments):
    tool = require_tool("openssl", "openssl")
    command = [tool, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def authority(folder, name):
    """A certificate authority: (certificate, key)."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    openssl(
        *("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}"),
        *("-keyout", key, "-out", certificate),
    )
    return certificate, key


def signed(folder, name, ca, address="127.0.0.1"):
    """A certificate that an authority signed: (certificate, key)."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    request, more = folder / f"{name}.csr", folder / f"{name}.ext"
    more.write_text(f"subjectAltName=IP:{address}\n")
    openssl("req", "-new", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
    openssl(
        *("x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial"),
        *("-days", "2", "-extfile", more, "-out", certificate),
    )
    return certificate, key


@pytest.fixture
def ca(tmp_path):
    return authority(tmp_path, "ca")


@pytest.fixture
def tls_broker(make_broker, tmp_path, ca):
    """A broker with a certificate of `ca`; the folder gets world-readable keys for Mosquitto."""

    def start(*more, address="127.0.0.1"):
        certificate, key = signed(tmp_path, "broker", ca, address)
        broker = make_broker(
            "allow_anonymous true", f"certfile {certificate}", f"keyfile {key}", *more
        )
        broker.start()
        return broker

    return start


def test_a_broker_whose_certificate_the_authority_signed_is_connected_to(
    tls_broker, ca, run_output
):
    connected(run_output(tls_broker(), tls=True, ca_file=str(ca[0])))


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_with_the_certificate_of_a_strange_authority_is_refused(
    tls_broker, tmp_path, run_output
):
    other, _ = authority(tmp_path, "other")
    running = run_output(tls_broker(), tls=True, ca_file=str(other))
    failed(running, "CERTIFICATE_VERIFY_FAILED")
    running.stop()
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_certificate_for_another_name_is_refused_unless_that_is_allowed(
    tls_broker, ca, run_output
):
    broker = tls_broker(address="192.0.2.9")
    running = run_output(broker, tls=True, ca_file=str(ca[0]))
    failed(running, "IP address mismatch")
    running.stop()
    gc.collect()
    connected(run_output(broker, tls=True, ca_file=str(ca[0]), check_host_name=False))


def test_a_broker_that_asks_for_our_certificate_gets_it(tls_broker, ca, tmp_path, run_output):
    broker = tls_broker("require_certificate true", f"cafile {ca[0]}")
    certificate, key = signed(tmp_path, "mine", ca)
    running = run_output(
        broker, tls=True, ca_file=str(ca[0]), cert_file=str(certificate), key_file=str(key)
    )
    connected(running)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_asks_for_our_certificate_in_vain_refuses(tls_broker, ca, run_output):
    running = run_output(
        tls_broker("require_certificate true", f"cafile {ca[0]}"), tls=True, ca_file=str(ca[0])
    )
    until(lambda: bool(running.output.status()["last_error"]), 10, "the refusal")
    assert running.output.status()["connected"] is False
    running.stop()
    gc.collect()


def test_certificates_that_are_not_there_are_named(make_broker, tmp_path, run_output):
    running = run_output(make_broker(), tls=True, ca_file=str(tmp_path / "none.pem"))
    until(lambda: running.error is not None, 10, "the error")
    assert isinstance(running.error, LinkError)
    assert "none.pem" in str(running.error)
    running.error = None


def test_a_key_with_a_password_asks_nobody_and_says_what_to_do(
    make_broker, ca, tmp_path, run_output
):
    certificate, key = signed(tmp_path, "mine", ca)
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked)
    running = run_output(make_broker(), tls=True, cert_file=str(certificate), key_file=str(locked))
    until(lambda: running.error is not None, 10, "the error")
    assert "the key without a password" in str(running.error)
    running.error = None


# -- a slow line -----------------------------------------------------------------------------------


class SlowLine:
    """A TCP line to a broker that carries so many bytes a second towards it, and no more."""

    def __init__(self, port: int, bytes_a_second: int) -> None:
        self._target = port
        self._rate = bytes_a_second
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.port = self._server.getsockname()[1]
        self._sockets = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1024):
                target.sendall(data)
                if slow:
                    time.sleep(len(data) / self._rate)

    def close(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def test_a_slow_line_gets_the_newest_values_and_no_backlog(broker, listen, run_output):
    line = SlowLine(broker.port, 40_000)
    try:
        listener = listen(broker)
        running = run_output(line)
        listener.wait(f"{BASE}/bridge/status", b"online", timeout_s=15)
        for watts in range(20):  # each is urgent: more than the line carries
            running.state = bank_state(power_w=float(watts), charge_allowed=watts % 2 == 0)
            time.sleep(0.1)
        running.state = bank_state(power_w=4321.0)
        last_s = time.monotonic()
        message = until(
            lambda: next(
                (
                    m
                    for m in listener.seen(f"{BASE}/bank/state", last_s)
                    if json.loads(m.payload)["power"] == 4321
                ),
                None,
            ),
            8,
            "the newest state",
        )
        assert message.at_s - last_s < 4.0
        assert running.stop() < 4.5
    finally:
        line.close()
