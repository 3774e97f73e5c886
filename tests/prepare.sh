#!/bin/sh
# What the tests need of Debian beyond Python: installs it when it may, else says what is missing.
#
#   prepare.sh venv PYTHON   whatever `PYTHON -m venv` needs; fails if that stays missing
#   prepare.sh tools         the real peers that the tests talk to; tests skip what stays missing
set -u

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

install() {
    run=""
    [ "$(id -u)" -eq 0 ] || run="sudo -n"
    echo "Installing Debian packages: $*"
    $run apt-get -qq update >/dev/null
    $run env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" \
        >/dev/null
}

case "${1:-}" in
venv)
    python=${2:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "Cellwarden needs Python 3.11 or newer; $python is not. Try: make PYTHON=python3.12" >&2
        exit 1
    fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null && exit 0
    may_install && install python3-venv
    "$python" -c 'import ensurepip, venv' 2>/dev/null && exit 0
    echo "$python cannot make virtual environments. Run: sudo apt install python3-venv" >&2
    exit 1
    ;;
tools)
    missing=""
    command -v dbus-daemon >/dev/null || missing="$missing dbus-daemon"
    [ -x /usr/sbin/mosquitto ] || command -v mosquitto >/dev/null || missing="$missing mosquitto"
    command -v mbpoll >/dev/null || missing="$missing mbpoll"
    command -v chromium >/dev/null || missing="$missing chromium"
    command -v mosquitto_sub >/dev/null || missing="$missing mosquitto-clients"
    /usr/bin/python3 -c 'import dbus, gi' 2>/dev/null || missing="$missing python3-dbus python3-gi"
    command -v svscan >/dev/null || missing="$missing daemontools"
    command -v busybox >/dev/null || missing="$missing busybox"
    [ -z "$missing" ] && exit 0
    # shellcheck disable=SC2086  # a list of package names
    may_install && install $missing && exit 0
    echo "Some tests will skip. To run them too: sudo apt install$missing" >&2
    ;;
*)
    echo "usage: $0 venv PYTHON | tools" >&2
    exit 2
    ;;
esac
