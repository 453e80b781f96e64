"""The program that is driven: an installed OpenTofu or Terraform."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cassandra_healing.errors import BinaryNotFound

OLDEST: Final = {"tofu": (1, 6), "terraform": (1, 4)}
"""OpenTofu's first version, and the first Terraform that has ``terraform_data``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformBinary:
    """A program that was found.

    Attributes:
        path: where it is.
        product: ``tofu`` or ``terraform``.
        version: as the program prints it.
    """

    path: Path
    product: str
    version: str

    def __str__(self) -> str:
        name = "OpenTofu" if self.product == "tofu" else "Terraform"
        return f"{name} {self.version} ({self.path})"


def find_binary(*, products: tuple[str, ...] = ("tofu", "terraform")) -> TerraformBinary | None:
    """Return the first on the search path that fits, an OpenTofu before a Terraform; or nothing."""
    paths = (shutil.which(product) for product in products)
    found = (inspect_binary(Path(path)) for path in paths if path is not None)
    return next((binary for binary in found if binary is not None), None)


def get_binary(path: Path | None = None) -> TerraformBinary:
    """Return the program at a path; without one that which ``find_binary`` finds.

    Raises: BinaryNotFound: says how to install one.
    """
    found = find_binary() if path is None else inspect_binary(path)
    if found is None:
        raise BinaryNotFound(
            "there is neither an OpenTofu (1.6 or newer) nor a Terraform (1.4 or newer) here",
            on="PATH" if path is None else str(path),
            next="Install OpenTofu by your package manager (opentofu.org/docs/intro/install), or set binary in "
            "[env.NAME.healing.machines] of views.toml",
        )
    return found


def inspect_binary(path: Path) -> TerraformBinary | None:
    """Return the version of a program; nothing where it is missing, something else, or too old."""
    try:
        done = subprocess.run(
            [path, "version", "-json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            # Terraform otherwise asks its maker for a newer version.
            env=os.environ | {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
        )
        version = str(json.loads(done.stdout)["terraform_version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    # Both tell their version under the same key; only the name of the file, or its help, tells them apart.
    product = "terraform" if path.name.startswith("terraform") else "tofu"
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST[product]:
        return None
    return TerraformBinary(path=path, product=product, version=version)
