"""What TensorBoard reads of a run's event files is what metrics.jsonl and samples/ hold.

    pip install tensorboard
    calotype train dcgan --tensorboard --steps 200 --set sample_every=100 --out run
    calotype train --resume run --steps 300 --tensorboard
    python _event_files.py run
"""

import json
import math
import pathlib
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = pathlib.Path(sys.argv[1])
events = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0})
events.Reload()

single = lambda v: struct.unpack("f", struct.pack("f", v))[0]
wanted: dict[str, list[tuple[int, float]]] = {}
for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()):
    for name, value in line.items():
        if name not in ("step", "wall_s", "warning"):
            wanted.setdefault(name, []).append((line["step"], math.nan if value is None else single(value)))
assert set(events.Tags()["scalars"]) == set(wanted), (events.Tags()["scalars"], sorted(wanted))
for name, values in wanted.items():
    found = [(e.step, e.value) for e in events.Scalars(name)]
    assert [step for step, _ in found] == [step for step, _ in values], name
    assert all(a == b or (math.isnan(a) and math.isnan(b)) for (_, a), (_, b) in zip(found, values)), name

pictures = sorted((run / "samples").glob("step-*.png"))
images = events.Images("Samples")
assert [f"step-{e.step:07}.png" for e in images] == [path.name for path in pictures]
for event, path in zip(images, pictures):
    assert event.encoded_image_string == path.read_bytes(), path
    assert event.width > 0 and event.height > 0
print(f"{sum(map(len, wanted.values()))} values of {len(wanted)} measures, {len(pictures)} pictures: all as in the run folder")
