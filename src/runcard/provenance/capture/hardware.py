"""Capture of the machine, and of the container, that a run is made on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runcard.redact import redact

_GPU_FIELDS = ("name", "memory.total", "driver_version")
_TIMEOUT_SECONDS = 5.0
_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True)
class Gpu:
    """One graphics card as `nvidia-smi` describes it."""

    name: str
    memory_mb: float | None
    driver: str


@dataclass(frozen=True, slots=True)
class Threads:
    """A native library with its own thread pool (BLAS, OpenMP)."""

    library: str
    """`openblas`, `mkl`, `blis`, `openmp` and such."""
    version: str | None
    n_threads: int
    architecture: str | None
    """The kind of CPU its kernels were chosen for: it decides the last digits."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine; what cannot be determined is None."""

    cpu: str | None
    physical_cores: int | None
    logical_cores: int | None
    usable_cores: int | None
    """How many this process may run on."""
    memory_bytes: int | None
    """What this process may have at most: of the machine, or of the container around it."""
    os: str
    machine: str
    gpus: tuple[Gpu, ...]
    threads: tuple[Threads, ...]
    """Of the libraries loaded so far."""

    def as_dict(self) -> dict[str, Any]:
        """Describe the machine as JSON."""
        described = asdict(self)
        return described | {key: list(described[key]) for key in ("gpus", "threads")}


def capture_hardware() -> Hardware:
    """Describe this machine; what it does not tell is left empty and raises nothing."""
    processors = _processors()
    return Hardware(
        cpu=_cpu_name(processors),
        physical_cores=_physical_cores(processors),
        logical_cores=os.cpu_count(),
        usable_cores=_usable_cores(),
        memory_bytes=_memory_bytes(),
        os=platform.platform(),
        machine=platform.machine(),
        gpus=_gpus(),
        threads=_threads(),
    )


def _processors() -> list[dict[str, str]]:
    """Return what Linux says of each logical processor."""
    try:
        blocks = _CPU_INFO.read_text("utf-8", "replace").strip().split("\n\n")
    except OSError:
        return []
    pairs = ([line.partition(":") for line in block.splitlines()] for block in blocks)
    return [{key.strip(): value.strip() for key, _, value in block} for block in pairs]


def _cpu_name(processors: list[dict[str, str]]) -> str | None:
    names = (p["model name"] for p in processors if "model name" in p)
    return next(names, None) or _sysctl("machdep.cpu.brand_string") or platform.processor() or None


def _physical_cores(processors: list[dict[str, str]]) -> int | None:
    cores = {(p["physical id"], p["core id"]) for p in processors if {"physical id", "core id"} <= p.keys()}
    return len(cores) or int(_sysctl("hw.physicalcpu") or 0) or None


def _usable_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _memory_bytes() -> int | None:
    sizes = [size for size in (_installed_memory(), *map(_limit_in, _MEMORY_LIMITS)) if size]
    return min(sizes, default=None)


def _installed_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on this system
        return None


def _limit_in(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None  # or "max"


def _sysctl(name: str) -> str | None:
    return _asked("sysctl", "-n", name) if sys.platform == "darwin" else None


def _gpus() -> tuple[Gpu, ...]:
    text = _asked("nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits")
    rows = ([part.strip() for part in line.split(",")] for line in (text or "").splitlines())
    return tuple(Gpu(row[0], _number(row[1]), row[2]) for row in rows if len(row) == len(_GPU_FIELDS))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # "[N/A]"
        return None


def _asked(*command: str) -> str | None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace").strip()


def _threads() -> tuple[Threads, ...]:
    from threadpoolctl import threadpool_info

    found = {
        Threads(
            library=str(pool["internal_api"]),
            version=pool.get("version"),
            n_threads=int(pool["num_threads"]),
            architecture=pool.get("architecture"),
        )
        for pool in threadpool_info()
    }
    return tuple(sorted(found, key=lambda pool: (pool.library, pool.version or "")))


IMAGE_VARIABLE = "RUNCARD_IMAGE"
"""By which whoever starts a container tells the image; nothing in a container of Docker's does."""
# GitLab tells its jobs their image; Apptainer and Singularity tell the path of theirs.
_IMAGE_VARIABLES = (IMAGE_VARIABLE, "CI_JOB_IMAGE", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
_PODMAN_FILE = "run/.containerenv"
_FIELD = re.compile(r'^(\w+)="(.*)"$', re.MULTILINE)
_CGROUPS = re.compile(r"docker|kubepods|containerd|libpod|lxc|garden")
_BY_VARIABLE = {
    "APPTAINER_CONTAINER": "apptainer",
    "SINGULARITY_CONTAINER": "singularity",
    "KUBERNETES_SERVICE_HOST": "kubernetes",
}


@dataclass(frozen=True, slots=True)
class Container:
    """A container; its image is None where nothing inside tells it."""

    kind: str
    """`docker`, `podman`, `kubernetes`, `apptainer` and such."""
    image: str | None
    """As whoever started it names it, best with its digest: `python:3.12@sha256:...`."""
    image_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Describe the container as JSON."""
        return asdict(self)


def capture_container(root: Path = Path("/"), variables: Mapping[str, str] | None = None) -> Container | None:
    """Detect a container by the traces that container engines leave; None outside one."""
    given = os.environ if variables is None else variables
    podman = dict(_FIELD.findall(_read(root / _PODMAN_FILE)))
    kind = _kind(root, given)
    if kind is None:
        return None
    image = next((given[name] for name in _IMAGE_VARIABLES if given.get(name)), None) or podman.get("image")
    return Container(kind, redact(image) if image else None, podman.get("imageid") or None)


def _kind(root: Path, given: Mapping[str, str]) -> str | None:
    if found := next((kind for name, kind in _BY_VARIABLE.items() if given.get(name)), None):
        return found
    if (root / _PODMAN_FILE).exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    if named := _CGROUPS.search(_read(root / "proc/1/cgroup")):
        return named[0]
    if given.get("container"):  # what systemd asks of whoever starts a container
        return given["container"]
    return "unknown" if given.get(IMAGE_VARIABLE) else None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
