"""torch.softmax and torch.logsumexp over the last axis, with their gradients under random cotangents.

For each case: x; softmax, softmax_dy, softmax_dx; logsumexp, logsumexp_dy, logsumexp_dx.
"""
import torch

from _common import numbers, write

normal = numbers(3)
out = {}
CASES = {
    "rows": normal(5, 7),
    "long rows": normal(2, 3, 300),
    "large arguments": 60 * normal(4, 6),
    "one column": normal(3, 1),
}
for name, x in CASES.items():
    case = dict(x=x)
    for f in ("softmax", "logsumexp"):
        leaf = x.clone().requires_grad_()
        y = getattr(torch, f)(leaf, -1)
        dy = normal(*y.shape)
        y.backward(dy)
        case |= {f: y, f"{f}_dy": dy, f"{f}_dx": leaf.grad}
    out |= {f"{name}/{k}": v for k, v in case.items()}

write(__file__, out)
