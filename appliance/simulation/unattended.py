"""A box with booth and scripted officer, nobody else: `python -m appliance.simulation.unattended CONFIG N`.

The process that soak tests kill: begun again, it goes on with the traveller that stood there. The
chips are read directly, without PC/SC. It ends when N crossings are recorded and acknowledged.
"""

import asyncio
import sys
from pathlib import Path

from appliance.simulation.booth import Booth
from appliance.simulation.box import Box, beside
from appliance.simulation.officer import ScriptedOfficer, look_until


async def run(configuration: Path, travellers: int) -> None:
    """Until so many crossings are recorded on this box, those of earlier runs counted, and acknowledged."""
    box = Box(configuration, transport="direct")
    booth = Booth(screen=box.lane, devices=box.capture.all_devices, slot=None)
    officer = ScriptedOfficer(box.lane, booth)
    async with beside(box.run()), beside(booth.run()):
        while (recorded := box.lane.view().crossings) < travellers:
            await officer.cross(recorded + 1)
        await look_until(box.lane, lambda view: view.unsent == 0)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))
