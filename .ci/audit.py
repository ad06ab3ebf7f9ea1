"""What `make audit` says in the end: the advisories that were found, and the packages that were not looked up.

Reads the report of `pip-audit --format json`. Exit code 0: nothing was found in what was looked up. 1: there are
advisories, or nothing at all could be looked up.
"""

import json
import sys
from pathlib import Path


def main(report: Path) -> int:
    """Print the report for people; return the exit code."""
    if not report.exists():
        print("Nothing was looked up: pip-audit says why above.")
        return 1
    packages = json.loads(report.read_text())["dependencies"]
    skipped = [p for p in packages if "skip_reason" in p]
    found = [(p, advisory) for p in packages for advisory in p.get("vulns", ())]
    for package, advisory in found:
        fixed = ", ".join(advisory["fix_versions"]) or "no version yet"
        names = ", ".join([advisory["id"], *advisory.get("aliases", ())])
        print(f"{package['name']} {package['version']}: {names} (fixed in {fixed})")
    if skipped:
        print(f"Not looked up, since the index has no advisories of them ({len(skipped)} of {len(packages)}):")
        print("  " + ", ".join(p["name"] for p in skipped))
    looked_up = len(packages) - len(skipped)
    print(f"{len(found)} advisories of {looked_up} packages looked up.")
    return 1 if found or not looked_up else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
