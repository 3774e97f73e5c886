"""`make venus`: one archive that installs Cellwarden on a GX device without internet.

It unpacks into /data, by hand or from a USB stick as `venus-data.tar.gz`. Inside are our packages,
those of others as pure-Python wheels made them (`wheels.txt`), and shell scripts that busybox runs.
Wheels are fetched once and kept; the same inputs give the same bytes.
"""

import argparse
import gzip
import io
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
SCRIPTS = REPOSITORY / "plugins/victron/cellwarden_victron/gx/files"
APP = "apps/cellwarden"
PYTHON = "3.12"
"""Of Venus OS v3.60 and later."""

Entry = tuple[str, bytes, int]
"""Path in the archive, content, mode."""


def main() -> None:
    """Build and say where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "dist")
    parser.add_argument("--wheels", type=Path, default=REPOSITORY / "build/venus-wheels")
    arguments = parser.parse_args()
    path = build(arguments.out, arguments.wheels)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")


def build(out: Path, wheels: Path) -> Path:
    """Write the archive and return its path."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    version = project["project"]["version"]
    site = f"{APP}/site-{version}"
    entries: dict[str, Entry] = {}
    for path, content, mode in (
        *_scripts(version),
        *((f"{site}/{path}", content, 0o644) for path, content in _our_packages(project)),
        *((f"{site}/{path}", content, 0o644) for path, content in _their_packages(wheels)),
    ):
        entries[path] = (path, content, mode)
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"venus-data-cellwarden-{version}.tar.gz"
    archive.write_bytes(_packed([entries[path] for path in sorted(entries)]))
    return archive


def _scripts(version: str) -> Iterator[Entry]:
    def text(name: str) -> bytes:
        return (SCRIPTS / name).read_text().replace("@VERSION@", version).encode()

    yield f"{APP}/bin/cellwarden", text("cellwarden"), 0o755
    yield f"{APP}/install.sh", text("install.sh"), 0o755
    yield f"{APP}/LICENSE", (REPOSITORY / "LICENSE").read_bytes(), 0o644
    yield "rc/post-hook.sh", text("post-hook.sh"), 0o755


def _our_packages(project: dict) -> Iterator[tuple[str, bytes]]:
    """Give our own files, and the metadata by which plugins are found."""
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        folder = REPOSITORY / package
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(folder.parent)), path.read_bytes()
    about = project["project"]
    info = f"{about['name']}-{about['version']}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    yield f"{info}/METADATA", head.encode()
    points = about["entry-points"]["cellwarden"]
    lines = ["[cellwarden]", *(f"{name} = {target}" for name, target in points.items()), ""]
    yield f"{info}/entry_points.txt", "\n".join(lines).encode()


def _their_packages(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Give the content of every wheel, each checked to be for any machine and any Python 3."""
    for wheel in _wheels(folder):
        if not wheel.name.endswith("-none-any.whl"):
            sys.exit(f"{wheel.name} is not pure Python: a GX has no compiler")
        with zipfile.ZipFile(wheel) as content:
            for name in content.namelist():
                if name.endswith((".so", ".pyd")):
                    sys.exit(f"{wheel.name} holds {name}, which runs on one kind of machine only")
                if not name.endswith("/") and ".data/" not in name:
                    yield name, content.read(name)


def _wheels(folder: Path) -> list[Path]:
    """Return the wheels that `wheels.txt` names; fetch what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(_wheel(folder, pin) is None for pin in _pins()):
        subprocess.run(
            [
                sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
                "--no-deps", "--only-binary=:all:", "--platform", "any", "--implementation", "py",
                "--abi", "none", "--python-version", PYTHON, "--dest", str(folder),
                "--requirement", str(HERE / "wheels.txt"),
            ],
            check=True,
        )  # fmt: skip
    found = [_wheel(folder, pin) for pin in _pins()]
    return [wheel for wheel in found if wheel is not None]


def _pins() -> list[tuple[str, str]]:
    lines = (HERE / "wheels.txt").read_text().splitlines()
    return [tuple(line.split("==")) for line in lines if line and not line.startswith("#")]


def _wheel(folder: Path, pin: tuple[str, str]) -> Path | None:
    name = re.sub(r"[-_.]+", "_", pin[0]).lower()
    found = sorted(folder.glob(f"*-{pin[1]}-*.whl"))
    return next((path for path in found if path.name.lower().startswith(f"{name}-")), None)


def _packed(entries: list[Entry]) -> bytes:
    """Return a tar.gz without a trace of who packed it, or when."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, content, mode in entries:
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), 9, mtime=0)


if __name__ == "__main__":
    main()
