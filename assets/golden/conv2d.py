"""Convolution, its transpose and their gradients under a random cotangent: torch.nn.functional.conv2d, conv_transpose2d.

For each case: x, w (PyTorch's layouts), y, dy, dx, dw and `window` = stride, padding, dilation, each for rows and columns.
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(1)
out = {}

# name: x [B, Cin, H, W], w [Cout, Cin, kh, kw], stride, padding, dilation
CONV = {
    "k4 s2 p1": ((2, 3, 8, 8), (5, 3, 4, 4), (2, 2), (1, 1), (1, 1)),
    "k3 s1 p1": ((2, 4, 5, 6), (3, 4, 3, 3), (1, 1), (1, 1), (1, 1)),
    "k4 s1 p0 to one pixel": ((3, 6, 4, 4), (2, 6, 4, 4), (1, 1), (0, 0), (1, 1)),
    "1x1": ((2, 4, 3, 5), (6, 4, 1, 1), (1, 1), (0, 0), (1, 1)),
    "odd size, stride unlike kernel": ((1, 2, 9, 7), (3, 2, 3, 3), (2, 2), (1, 1), (1, 1)),
    "oblong": ((2, 3, 7, 6), (4, 3, 3, 5), (2, 1), (0, 2), (1, 1)),
    "dilated": ((1, 2, 9, 8), (3, 2, 3, 3), (2, 1), (2, 2), (2, 2)),
}
for name, (xs, ws, stride, padding, dilation) in CONV.items():
    x, w = normal(*xs).requires_grad_(), normal(*ws).requires_grad_()
    y = F.conv2d(x, w, None, stride, padding, dilation)
    dy = normal(*y.shape)
    y.backward(dy)
    window = torch.tensor([*stride, *padding, *dilation])
    out |= {f"conv/{name}/{k}": v for k, v in dict(x=x, w=w, y=y, dy=dy, dx=x.grad, dw=w.grad, window=window).items()}

# name: x [B, Cin, h, w], w [Cin, Cout, kh, kw], stride, padding, output padding
TRANSPOSE = {
    "k4 s2 p1": ((2, 5, 4, 4), (5, 3, 4, 4), (2, 2), (1, 1), (0, 0)),
    "k4 s1 p0 from one pixel": ((3, 6, 1, 1), (6, 4, 4, 4), (1, 1), (0, 0), (0, 0)),
    "k3 s2 p1, output padding": ((1, 3, 4, 5), (3, 2, 3, 3), (2, 2), (1, 1), (1, 1)),
    "k3 s1 p1": ((2, 4, 5, 3), (4, 3, 3, 3), (1, 1), (1, 1), (0, 0)),
    "k2 s3": ((1, 2, 3, 3), (2, 3, 2, 2), (3, 3), (0, 0), (0, 0)),
}
for name, (xs, ws, stride, padding, more) in TRANSPOSE.items():
    x, w = normal(*xs).requires_grad_(), normal(*ws).requires_grad_()
    y = F.conv_transpose2d(x, w, None, stride, padding, more)
    dy = normal(*y.shape)
    y.backward(dy)
    window = torch.tensor([*stride, *padding, 1, 1])
    out |= {f"transpose/{name}/{k}": v for k, v in dict(x=x, w=w, y=y, dy=dy, dx=x.grad, dw=w.grad, window=window).items()}

write(__file__, out)
