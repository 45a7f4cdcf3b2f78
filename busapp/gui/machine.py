"""A description of this computer in words, made without loading any framework."""

import os
import platform
import sys
from pathlib import Path


def processor() -> str:
    """Return the processor's name, as the system reports it, and the number of threads."""
    return f"{_processor_name()} · {os.cpu_count() or 1} threads"


def _processor_name() -> str:
    try:
        if sys.platform == "linux":
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
                if line.startswith("model name"):
                    return " ".join(line.partition(":")[2].split())
        elif sys.platform == "win32":
            import winreg

            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"HARDWARE\DESCRIPTION\System\CentralProcessor\0") as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def graphics() -> str:
    """Return the names of the NVIDIA cards that the Linux driver lists; empty if it lists none."""
    names = []
    for card in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            for line in card.read_text(encoding="utf-8").splitlines():
                if line.startswith("Model:"):
                    names.append(line.partition(":")[2].strip())
        except OSError:
            continue
    return ", ".join(names)
