"""Functions of one and two numbers, products, reductions and movement, with their gradients under random cotangents.

For each case: its operands x0, x1, …, y, dy, and the cotangents dx0, dx1, … of the operands. Arguments are where functions are
smooth: no ties, no kinks.
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(23)
x, z = 2 * normal(3, 5), 2 * normal(3, 5)
positive = 0.1 + normal(3, 5).abs()
wide = torch.linspace(-90, 90, 15).reshape(3, 5) + 0.01 * normal(3, 5)
a, b = normal(2, 4, 6), normal(2, 6, 5)
t = normal(2, 3, 4)

CASES = {
    "neg": (torch.neg, x), "abs": (torch.abs, x), "exp": (torch.exp, x), "log": (torch.log, positive),
    "sqrt": (torch.sqrt, positive), "rsqrt": (torch.rsqrt, positive), "recip": (torch.reciprocal, positive),
    "square": (torch.square, x), "tanh": (torch.tanh, x), "sigmoid": (torch.sigmoid, x), "softplus": (F.softplus, x),
    "relu": (F.relu, x), "leaky relu": (lambda v: F.leaky_relu(v, 0.2), x),
    "tanh, far": (torch.tanh, wide), "sigmoid, far": (torch.sigmoid, wide), "softplus, far": (lambda v: F.softplus(v, threshold=1e9), wide),
    "add": (torch.add, x, z), "sub": (torch.sub, x, z), "mul": (torch.mul, x, z), "div": (torch.div, x, positive),
    "max": (torch.maximum, x, z), "min": (torch.minimum, x, z), "add, broadcast": (torch.add, x, normal(5)),
    "mul, broadcast": (torch.mul, x, normal(3, 1)),
    "matmul": (torch.matmul, normal(7, 6), normal(6, 5)), "matmul, batched": (torch.matmul, a, b),
    "matmul, a transposed": (lambda u, v: u.mT @ v, a.mT.contiguous(), b),
    "matmul, b transposed": (lambda u, v: u @ v.mT, a, b.mT.contiguous()),
    "matmul, both transposed": (lambda u, v: u.mT @ v.mT, a.mT.contiguous(), b.mT.contiguous()),
    "sum": (lambda v: v.sum(1), t), "sum of two axes": (lambda v: v.sum((0, 2)), t), "mean": (lambda v: v.mean((1, 2)), t),
    "largest": (lambda v: v.amax(2), t),
    "permute": (lambda v: v.permute(2, 0, 1), t), "slice": (lambda v: v[:, 1:3], t), "flip": (lambda v: v.flip(1), t),
    "pad": (lambda v: F.pad(v, (0, 0, 2, 1), value=0.5), t), "concat": (lambda u, v: torch.cat((u, v), 1), t, normal(2, 2, 4)),
    "expand": (lambda v: v.expand(4, 3, 5), normal(3, 1)),
}
out = {}
for name, (f, *operands) in CASES.items():
    leaves = [v.clone().requires_grad_() for v in operands]
    y = f(*leaves)
    dy = normal(*y.shape)
    y.backward(dy)
    case = {"y": y, "dy": dy}
    for n, leaf in enumerate(leaves):
        case |= {f"x{n}": leaf, f"dx{n}": leaf.grad}
    out |= {f"{name}/{k}": v for k, v in case.items()}
out |= {"argmax/x0": t, "argmax/y": t.argmax(2), "argmax/dy": torch.zeros(1)}

write(__file__, out)
