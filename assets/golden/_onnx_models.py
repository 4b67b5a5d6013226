"""Every op and every model, written as ONNX, is a sound model that onnxruntime runs to what the plain CPU makes.

    pip install onnx onnxruntime safetensors numpy
    cargo run -p calotype-tests --example onnx_models -- DIR
    python _onnx_models.py DIR

Writes onnx.txt beside it: the SHA-256 of each model that was right. The tests hold what is written later against that.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

folder = pathlib.Path(sys.argv[1])
onnxruntime.set_default_logger_severity(3)
lines, wrong, refused = [], [], {}
worst = (0.0, "")
for entry in json.loads((folder / "index.json").read_text()):
    name = entry["name"]
    if "refused" in entry:
        refused.setdefault(entry["refused"].split("`: ")[-1].split(": ")[-1], []).append(name)
        continue
    path = folder / f"{entry['n']}.onnx"
    try:
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        tensors = load_file(folder / f"{entry['n']}.safetensors")
        for run in sorted({key.split(".")[0] for key in tensors}):
            side = lambda s: {k.split(".", 2)[2]: v for k, v in tensors.items() if k.startswith(f"{run}.{s}.")}
            wanted = side("out")
            given = {i.name: side("in")[i.name] for i in session.get_inputs()}
            for (key, want), got in zip(wanted.items(), session.run(list(wanted), given)):
                assert got.shape == want.shape and got.dtype == want.dtype, (key, got.shape, got.dtype, want.shape, want.dtype)
                error = np.abs(got.astype(np.float64) - want) - entry["rtol"] * np.abs(want)
                far = float(error.max(initial=0.0))
                assert far <= entry["atol"], f"{key}: {far:.2e} beyond {entry['rtol']} of the value"
                if want.dtype == np.float32:
                    worst = max(worst, (float(np.abs(got - want).max(initial=0.0)), name))
    except Exception as e:
        wrong.append(f"{name}: {str(e)[:300]}")
        continue
    lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}")

for reason, names in refused.items():
    print(f"refused, {reason}: {len(names)}, such as {names[0]}")
print(f"{len(lines)} right, the farthest by {worst[0]:.1e} ({worst[1]}); {len(wrong)} wrong")
print("\n".join(wrong))
if not wrong:
    header = f"# Models that onnxruntime {onnxruntime.__version__} runs to what the plain CPU makes; written by _onnx_models.py\n"
    (pathlib.Path(__file__).parent / "onnx.txt").write_text(header + "\n".join(lines) + "\n")
sys.exit(bool(wrong))
