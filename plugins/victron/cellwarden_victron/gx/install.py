"""Installing and uninstalling on a GX device. Everything can be done twice."""

import json
import shutil
import time
from contextlib import suppress
from importlib.resources import files

from cellwarden import __version__
from cellwarden.errors import ConfigError
from cellwarden_victron.gx import ports, rc_local
from cellwarden_victron.gx.layout import Layout

SERVICE_FILES = ("run", "log-run")
ENDED_S = 15.0
"""How long the controller may take to say goodbye."""

STARTER = """\
# Cellwarden on this GX. Every key: {app}/bin/cellwarden config init
# After a change: {app}/bin/cellwarden config check --config {config}
#                 svc -t /service/cellwarden

[controller]
name = "Battery"
mode = "monitor"        # "control" lets it switch and set a BMS
{folders}
# A pack: remove the `#` and write what it is. Drivers: {app}/bin/cellwarden plugins
#[[pack]]
#name = "left"
#driver = "jk-rs485"
#port = "/dev/serial/by-id/usb-..."     # ls /dev/serial/by-id
#chemistry = "LiFePO4"
#cells = 16
#capacity_ah = 280

[[output]]
plugin = "victron"
device_instance = 1
"""


def install(layout: Layout) -> list[str]:
    """Install what was unpacked, and start it; return what was done, a line each."""
    layout.check()
    if not (layout.app / "bin/cellwarden").exists():
        raise ConfigError(
            f"nothing is unpacked in {layout.app}: unpack the archive into"
            f" {layout.root / 'data'} first"
        )
    _check_python(layout)
    _remember(layout)
    done = _write_files(layout)
    done += _write_config(layout)
    _remove_other_versions(layout)
    updated = layout.service.exists()
    if updated:
        _take_service_away(layout)
    _boot(layout)
    done.append(f"the service {layout.service} was {'renewed' if updated else 'made'}")
    return done


def _check_python(layout: Layout) -> None:
    """Import all that the controller needs: images of Venus lack parts of Python's own library."""
    try:
        import cellwarden.runtime.process  # noqa: F401, PLC0415
        import cellwarden_victron.output  # noqa: F401, PLC0415
    except ImportError as error:
        module = (error.name or "?").lstrip("_")
        raise ConfigError(
            f"this device's Python lacks {module!r} ({error}): with internet, `opkg update &&"
            f" opkg install python3-modules`, then run {layout.app}/install.sh again"
        ) from error


def _remember(layout: Layout) -> None:
    """Note what uninstalling has to put back."""
    note = layout.app / "before.json"
    if note.exists():
        return
    path = layout.rc_local
    note.write_text(
        json.dumps(
            {
                "rc_local": path.exists() and not rc_local.has_line(path),
                "mode": path.stat().st_mode & 0o777 if path.exists() else None,
                "ends_with_newline": path.exists() and path.read_text().endswith("\n"),
                "conf": layout.config.parent.exists(),
            }
        )
    )


def _write_files(layout: Layout) -> list[str]:
    source = files("cellwarden_victron.gx") / "files"
    (layout.app / "service").mkdir(exist_ok=True)
    for name in SERVICE_FILES:
        (layout.app / "service" / name).write_text((source / name).read_text())
    boot = layout.app / "boot.sh"
    boot.write_text((source / "boot.sh").read_text())
    boot.chmod(0o755)
    path = layout.rc_local
    before = path.read_text() if path.exists() else ""
    path.write_text(rc_local.with_line(before, rc_local.line_for(boot)))
    path.chmod(0o755)
    hook = layout.root / "data/rc/post-hook.sh"
    if hook.exists() and "cellwarden" in hook.read_text():
        hook.unlink()  # it came out of the archive, and would run again for another one
        with suppress(OSError):
            hook.parent.rmdir()
    return [f"{path} starts it after every boot"]


def _write_config(layout: Layout) -> list[str]:
    if layout.config.exists():
        return [f"{layout.config} stays as it is"]
    layout.config.parent.mkdir(parents=True, exist_ok=True)
    folders = ""
    if not layout.is_device_itself:
        folders = f'state_dir = "{layout.state}"\nruntime_dir = "{layout.runtime}"\n'
    layout.config.write_text(STARTER.format(app=layout.app, config=layout.config, folders=folders))
    return [f"{layout.config} was written: name your packs there"]


def _remove_other_versions(layout: Layout) -> None:
    for site in layout.app.glob("site-*"):
        if site.name != f"site-{__version__}":
            shutil.rmtree(site)


def _boot(layout: Layout) -> None:
    import subprocess  # noqa: PLC0415  # not where the controller runs

    done = subprocess.run(  # noqa: S603  # our own script
        ["/bin/sh", str(layout.app / "boot.sh")], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ConfigError(f"the service could not be made: {done.stderr.strip()}")
    layout.call("svrescan")


def _take_service_away(layout: Layout) -> None:
    """End the service and its log, and remove its folder as daemontools wants it."""
    gone = layout.service.with_name(".cellwarden-gone")
    shutil.rmtree(gone, ignore_errors=True)
    layout.service.rename(gone)  # svscan starts it no more
    layout.call("svc", "-dx", gone, gone / "log")
    end_s = time.monotonic() + ENDED_S
    while time.monotonic() < end_s and layout.call("svok", gone) is not None:
        time.sleep(0.1)
    shutil.rmtree(gone, ignore_errors=True)


def uninstall(layout: Layout, *, keep_data: bool) -> list[str]:
    """Remove everything, or all but configuration and state; return what was done."""
    layout.check()
    done = []
    if layout.service.exists():
        _take_service_away(layout)
        done.append("the service was ended and removed")
    ports.release(layout)
    note = layout.app / "before.json"
    before = json.loads(note.read_text()) if note.exists() else {}
    _restore_rc_local(layout, before)
    for folder in (layout.log, layout.runtime):
        shutil.rmtree(folder, ignore_errors=True)
    if keep_data:
        done.append(f"kept: {layout.config} and {layout.state}")
    else:
        layout.config.unlink(missing_ok=True)
        if not before.get("conf", True):
            with suppress(OSError):
                layout.config.parent.rmdir()
        shutil.rmtree(layout.state, ignore_errors=True)
    shutil.rmtree(layout.app, ignore_errors=True)
    with suppress(OSError):
        layout.app.parent.rmdir()  # only if no other program lives there
    done.append(f"{layout.app} was removed")
    return done


def _restore_rc_local(layout: Layout, before: dict[str, object]) -> None:
    path = layout.rc_local
    if not path.exists():
        return
    text = rc_local.without_line(path.read_text())
    if not before.get("rc_local", True) and text == rc_local.SHEBANG:
        path.unlink()  # we made it, and nobody added anything
        return
    if not before.get("ends_with_newline", True):
        text = text.removesuffix("\n")
    path.write_text(text)
    if isinstance(mode := before.get("mode"), int):
        path.chmod(mode)
