import json
import os

import numpy as np

from runcard.provenance.capture.hardware import Gpu, capture_hardware


def test_this_machine():
    np.ones((2, 2)) @ np.ones((2, 2))  # BLAS is loaded
    hardware = capture_hardware()
    assert hardware.logical_cores == os.cpu_count()
    assert 1 <= hardware.usable_cores <= hardware.logical_cores
    assert hardware.physical_cores is None or 1 <= hardware.physical_cores <= hardware.logical_cores
    assert hardware.memory_bytes > 2**28
    assert hardware.machine == os.uname().machine
    assert any(pool.library in {"openblas", "mkl", "blis"} for pool in hardware.threads)
    read = json.loads(json.dumps(hardware.as_dict()))
    assert read["threads"][0]["n_threads"] >= 1


def place_tool(folder, name, script):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return str(folder)


def test_graphics_cards(tmp_path, monkeypatch):
    told = "echo 'Card A, 16384, 550.54'; echo 'Card B, [N/A], 550.54'; echo warning"
    monkeypatch.setenv("PATH", place_tool(tmp_path / "bin", "nvidia-smi", told))
    assert capture_hardware().gpus == (Gpu("Card A", 16384.0, "550.54"), Gpu("Card B", None, "550.54"))


def test_a_broken_driver_is_no_card(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", place_tool(tmp_path / "bin", "nvidia-smi", "echo 'Card A, 1, 2'; exit 9"))
    assert capture_hardware().gpus == ()


def test_a_driver_that_hangs_is_no_card(tmp_path, monkeypatch):
    monkeypatch.setattr("runcard.provenance.capture.hardware._TIMEOUT_SECONDS", 0.2)
    monkeypatch.setenv("PATH", place_tool(tmp_path / "bin", "nvidia-smi", "exec /bin/sleep 30"))
    assert capture_hardware().gpus == ()


def test_processors_of_linux(tmp_path, monkeypatch):
    block = "processor\t: {}\nmodel name\t: Chip 9\nphysical id\t: {}\ncore id\t: {}\n"
    cores = [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 1, 0)]
    (tmp_path / "cpuinfo").write_text("\n".join(block.format(*core) for core in cores))
    monkeypatch.setattr("runcard.provenance.capture.hardware._CPU_INFO", tmp_path / "cpuinfo")
    hardware = capture_hardware()
    assert (hardware.cpu, hardware.physical_cores) == ("Chip 9", 3)


def test_a_machine_that_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("runcard.provenance.capture.hardware._CPU_INFO", tmp_path / "absent")
    assert capture_hardware().physical_cores is None


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    (tmp_path / "none").write_text("max\n")
    (tmp_path / "limit").write_text("1048576\n")
    limits = (tmp_path / "none", tmp_path / "limit", tmp_path / "absent")
    monkeypatch.setattr("runcard.provenance.capture.hardware._MEMORY_LIMITS", limits)
    assert capture_hardware().memory_bytes == 1048576
