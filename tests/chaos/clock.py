"""A library that makes a process's wall clock wrong, built on the spot where there is a C compiler."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def build(folder: Path) -> Path | None:
    """What to name in `LD_PRELOAD`; None where nothing can build it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    made = folder / "clock.so"
    built = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl"], capture_output=True, check=False)
    return made if built.returncode == 0 else None
