"""A process to be killed: records crossings, and says what is done once it is done."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from records_common import CENTRAL, STAMP

from appliance.records.journal import Journal
from appliance.records.keys import load_box_keys

folder = Path(sys.argv[1])
journal = Journal.open(
    folder / "journal.db", keys=load_box_keys(folder / "keys"), central=CENTRAL, device="box-1"
)
number = journal.status().last_seq
under_way = journal.open_crossing()
begun = 0 if under_way is None else len(under_way.events)
print(f"opened {number} {under_way.crossing if under_way else '-'} {begun}", flush=True)
while True:
    crossing = under_way.crossing if under_way else f"crossing-{number + 1}"
    under_way = None
    for step in range(begun, 4):
        journal.append_event(crossing, f"step-{step}", bytes([step]) * 2000)
        print(f"step {crossing} {step + 1}", flush=True)
    begun = 0
    number = journal.commit(crossing, "test", {"crossing": crossing, "x": bytes(5000)}, STAMP)
    print(f"committed {crossing} {number}", flush=True)
