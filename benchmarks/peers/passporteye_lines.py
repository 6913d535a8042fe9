"""Reads a picture's path a line, answers what passporteye makes of it: run by `benchmarks/mrz.py --peers`."""

import json
import resource
import sys


def spent() -> float:
    """CPU seconds of this process and of the tesseract that it starts."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    from passporteye import read_mrz

    for line in sys.stdin:
        began = spent()
        try:
            found = read_mrz(line.strip())
        except Exception:  # noqa: BLE001 - a peer that fails has read nothing
            found = None
        text = "" if found is None else found.aux.get("text", "")
        lines = [part.replace(" ", "") for part in text.upper().splitlines() if part.strip()]
        valid = bool(found is not None and found.valid)
        print(json.dumps({"lines": lines, "valid": valid, "cpu": spent() - began}), flush=True)


if __name__ == "__main__":
    main()
