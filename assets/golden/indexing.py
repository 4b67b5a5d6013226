"""Rows by index and running sums, with their gradients under random cotangents.

embedding/CASE: table [V, E], indices; y, dy, dtable (torch.nn.functional.embedding).
row/CASE: x [N, ..], index, row [..]; written (torch.Tensor.index_copy), dy, dx, drow; read (x[index]).
cumsum/CASE: x, axis; y, dy, dx (torch.cumsum).
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(5)
out = {}


def keep(name, **tensors):
    out.update({f"{name}/{k}": v for k, v in tensors.items()})


for name, (v, e), indices in [
    ("repeated", (5, 3), [[4, 0, 0, 2], [2, 2, 1, 4]]),
    ("rows of quads", (30, 8), [[7 * k % 30 for k in range(50)]]),
]:
    table, indices = normal(v, e).requires_grad_(), torch.tensor(indices)
    y = F.embedding(indices, table)
    dy = normal(*y.shape)
    y.backward(dy)
    keep(f"embedding/{name}", table=table, indices=indices, y=y, dy=dy, dtable=table.grad)

for name, shape, index in [("middle", (5, 2, 3), 2), ("last", (4, 7), 3)]:
    x, row, at = normal(*shape).requires_grad_(), normal(*shape[1:]).requires_grad_(), torch.tensor([index])
    y = x.index_copy(0, at, row[None])
    dy = normal(*shape)
    y.backward(dy)
    keep(f"row/{name}", x=x, index=at, row=row, written=y, dy=dy, dx=x.grad, drow=row.grad, read=x[index])

for name, shape, axis in [("rows", (3, 300), 1), ("middle", (2, 20, 5), 1), ("first", (9, 4), 0)]:
    x = normal(*shape).requires_grad_()
    y = torch.cumsum(x, axis)
    dy = normal(*shape)
    y.backward(dy)
    keep(f"cumsum/{name}", x=x, axis=torch.tensor([axis]), y=y, dy=dy, dx=x.grad)

write(__file__, out)
