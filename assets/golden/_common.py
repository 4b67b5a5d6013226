"""What the golden scripts share: seeded numbers, and writing a file of tensors.

Numbers are drawn as f32, computed on in f64 and rounded to f32 when they are written: a golden is right to the last digit
that it shows. Layouts and names are PyTorch's; the tests carry them over.
"""
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)


def numbers(seed):
    """A source of standard normal tensors that f32 holds exactly."""
    g = torch.Generator().manual_seed(seed)
    return lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float32).double()


def philox(counter, key):
    """Philox 4x32-10 (Salmon et al. 2011) on arrays of counters [4][n]."""
    c, k = [np.asarray(v, np.uint64) for v in counter], list(key)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), p1 & low, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), p0 & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def uniforms(name, shape, step, seed):
    """What a device draws in (0, 1) at a step: word i of the stream is lane i % 4 of counter (i / 4, FNV-1a(name), step, 0)."""
    stream = 0x811C9DC5
    for byte in name.encode():
        stream = ((stream ^ byte) * 0x01000193) & 0xFFFFFFFF
    n = int(np.prod(shape))
    blocks = np.arange((n + 3) // 4)
    same = lambda v: np.full_like(blocks, v)
    words = np.stack(philox([blocks, same(stream), same(step), same(0)], (seed, 0)), axis=1).reshape(-1)[:n]
    return torch.from_numpy(((words >> np.uint64(9)).astype(np.float64) + 0.5) / 2**23).reshape(shape)


def normals(name, shape, step, seed):
    """As uniforms, standard normal."""
    return torch.special.ndtri(uniforms(name, shape, step, seed))


def write(script, tensors):
    """Writes NAME.safetensors beside NAME.py: floats as f32, integers as i32."""
    def stored(t):
        t = torch.as_tensor(t).detach()
        return t.to(torch.float32 if t.is_floating_point() else torch.int32).contiguous().clone()

    path = pathlib.Path(script).with_suffix(".safetensors")
    save_file({k: stored(v) for k, v in tensors.items()}, path)
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")
