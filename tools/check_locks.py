"""Fails when a lock file names the address of a package registry or a path of one machine.

A lock pins names, versions and hashes. Where packages come from is the business of the machine that installs them,
and an address that only one network can reach breaks set-up everywhere else.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    "requirements.lock",
    "requirements-uv.lock",
    "requirements-node.lock",
    "requirements-spark.lock",
    "web/package-lock.json",
)
#: package-lock.json carries the home pages of those who ask for funding; these are no registries.
ALLOWED_KEYS = re.compile(r'^\s*"(url|funding|homepage)":')
ADDRESS = re.compile(
    r"(https?://|file:|git\+|--(extra-)?index-url|--find-links|\"resolved\"|/(opt|root|home|tmp|srv)/)"
)


def faults(path: Path) -> list[str]:
    """Every line of one lock file that names an address or a local path, as `file:line: text`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for number, line in enumerate(lines, start=1)
        if ADDRESS.search(line) and not ALLOWED_KEYS.match(line)
    ]


def main() -> int:
    """Checks each lock that exists; a forbidden `uv.lock` is a fault by itself."""
    found = [fault for name in LOCKS if (ROOT / name).exists() for fault in faults(ROOT / name)]
    if (ROOT / "uv.lock").exists():
        found.append("uv.lock: holds registry addresses, remove it (requirements.lock is the lock)")
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
