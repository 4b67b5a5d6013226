"""What the golden scripts share: seeded numbers, and writing a file of tensors.

Numbers are drawn as f32, computed on in f64 and rounded to f32 when they are written: a golden is right to the last digit
that it shows. Layouts and names are PyTorch's; the tests carry them over.
"""
import pathlib

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)


def numbers(seed):
    """A source of standard normal tensors that f32 holds exactly."""
    g = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float32).double()


def write(script, tensors):
    """Writes NAME.safetensors beside NAME.py: floats as f32, integers as i32."""
    def stored(t):
        t = torch.as_tensor(t).detach()
        return t.to(torch.float32 if t.is_floating_point() else torch.int32).contiguous().clone()

    path = pathlib.Path(script).with_suffix(".safetensors")
    save_file({k: stored(v) for k, v in tensors.items()}, path)
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")
