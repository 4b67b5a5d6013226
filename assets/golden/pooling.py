"""Pooling, reflecting padding and nearest upsampling of images [B, C, H, W], with gradients under random cotangents.

max/CASE, average/CASE: x, window (kernel, stride, pad: two numbers each); y, dy, dx. Average counts the padding, as PyTorch
does unless told otherwise. max/ties has equal elements in its windows.
reflect/CASE: x, borders (top, bottom, left, right); y, dy, dx.      nearest/CASE: x, factor; y, dy, dx.
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(6)
out = {}


def keep(name, x, f, **how):
    x = x.clone().requires_grad_()
    y = f(x)
    dy = normal(*y.shape)
    y.backward(dy)
    tensors = dict(x=x, y=y, dy=dy, dx=x.grad) | {k: torch.tensor(v) for k, v in how.items()}
    out.update({f"{name}/{k}": v for k, v in tensors.items()})


WINDOWS = {
    "2 by 2": ((2, 3, 6, 8), (2, 2), (2, 2), (0, 0)),
    "overlapping, padded": ((2, 4, 7, 8), (3, 3), (2, 2), (1, 1)),
    "not square": ((1, 5, 6, 9), (1, 4), (2, 3), (0, 2)),
}
for name, (shape, kernel, stride, pad) in WINDOWS.items():
    window = [*kernel, *stride, *pad]
    x = normal(*shape)
    keep(f"max/{name}", x, lambda x: F.max_pool2d(x, kernel, stride, pad), window=window)
    keep(f"average/{name}", x, lambda x: F.avg_pool2d(x, kernel, stride, pad), window=window)
ties = normal(1, 4, 6, 6).round()
keep("max/ties", ties, lambda x: F.max_pool2d(x, 3, 2, 1), window=[3, 3, 2, 2, 1, 1])

for name, shape, (left, right, top, bottom) in [
    ("all around", (2, 4, 5, 6), (1, 1, 1, 1)),
    ("sides differ", (1, 3, 4, 5), (4, 1, 0, 3)),
]:
    reflect = lambda x: F.pad(x, (left, right, top, bottom), mode="reflect")
    keep(f"reflect/{name}", normal(*shape), reflect, borders=[top, bottom, left, right])

for name, shape, factor in [("double", (2, 4, 3, 5), 2), ("triple", (1, 3, 2, 2), 3)]:
    nearest = lambda x: F.interpolate(x, scale_factor=factor, mode="nearest")
    keep(f"nearest/{name}", normal(*shape), nearest, factor=[factor])

write(__file__, out)
