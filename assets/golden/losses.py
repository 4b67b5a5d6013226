"""Losses on logits, one for each example, with the gradients of their sum weighted by dy.

cross_entropy/CASE: logits [.., V], labels [..]; loss, dy, dlogits (F.cross_entropy without reduction).
log_softmax/CASE: x, y, dy, dx.      bce/CASE: logits, targets in [0, 1]; loss, dy, dlogits
(F.binary_cross_entropy_with_logits without reduction).
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(8)
out = {}


def keep(name, leaf, f, into, **given):
    value = leaf[1].clone().requires_grad_()
    y = f(value)
    dy = normal(*y.shape)
    y.backward(dy)
    tensors = {leaf[0]: value, into: y, "dy": dy, f"d{leaf[0]}": value.grad} | given
    out.update({f"{name}/{k}": v for k, v in tensors.items()})


for name, logits in [("rows", normal(6, 10)), ("large", 80 * normal(5, 7)), ("pixels", normal(2, 3, 2, 128)), ("one class", normal(3, 1))]:
    labels = (1000 * normal(*logits.shape[:-1])).long().abs() % logits.shape[-1]
    loss = lambda x: F.cross_entropy(x.flatten(0, -2), labels.flatten(), reduction="none").reshape(labels.shape)
    keep(f"cross_entropy/{name}", ("logits", logits), loss, "loss", labels=labels)

for name, x in [("rows", normal(4, 9)), ("large", 80 * normal(3, 5))]:
    keep(f"log_softmax/{name}", ("x", x), lambda x: F.log_softmax(x, -1), "y")

for name, scale in [("moderate", 1.0), ("saturated", 60.0)]:
    logits = scale * normal(4, 9)
    targets = normal(4, 9).sigmoid().float().double()
    targets[0] = targets[0].round()
    loss = lambda x: F.binary_cross_entropy_with_logits(x, targets, reduction="none")
    keep(f"bce/{name}", ("logits", logits), loss, "loss", targets=targets)

write(__file__, out)
