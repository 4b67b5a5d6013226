"""NADE and RNADE: y and all gradients, from a plain loop over the dimensions and PyTorch's autograd.

Cases: bits (sigmoid, O = 1), real numbers (sigmoid, O = 6), RNADE (relu(rho_d a_d), O = 6 and O = 1). Each has x [B, D],
w [D, H], c [H], v [D, H, O], rho [D] where it is RNADE, y [B, D, O], the cotangent dy, and dx, dw, dc, dv, drho.

Sampling, under `sample/`: weights and b [D, O], noise, and the x that they lead to, with the values `known` kept where `mask`
is 1. Bits: x_d = 1 where u < p. Mixtures: [weights | means | log-deviations], the first component at which the cumulative
weights pass u, deviations not below `floor`.
"""
import torch

from _common import numbers, write

normal = numbers(11)
out = {}


def conditionals(x, w, c, v, rho=None):
    a, y = c.expand(x.shape[0], -1), []
    for d in range(x.shape[1]):
        h = torch.sigmoid(a) if rho is None else torch.relu(rho[d] * a)
        y.append(h @ v[d])
        a = a + x[:, d : d + 1] * w[d]
    return torch.stack(y, 1)


def weights(D, H, O, scaled):
    all = dict(w=0.5 * normal(D, H), c=0.5 * normal(H), v=0.5 * normal(D, H, O))
    return all | (dict(rho=1 + 0.5 * normal(D)) if scaled else {})


CASES = {
    "bits": (False, 5, 12, 70, 1, lambda x: (x > 0.3).double()),
    "real numbers": (False, 3, 7, 9, 6, lambda x: x),
    "mixture": (True, 3, 7, 9, 6, lambda x: x),
    "rnade, one output": (True, 2, 5, 66, 1, lambda x: x),
}
for name, (scaled, B, D, H, O, data) in CASES.items():
    leaves = dict(x=data(normal(B, D))) | weights(D, H, O, scaled)
    leaves = {k: t.clone().requires_grad_() for k, t in leaves.items()}
    y = conditionals(**leaves)
    dy = normal(*y.shape)
    y.backward(dy)
    case = dict(y=y, dy=dy) | leaves | {f"d{k}": t.grad for k, t in leaves.items()}
    out |= {f"{name}/{k}": t for k, t in case.items()}


def draw_bits(y, noise):
    return (noise[:, 0] < torch.sigmoid(y[:, 0])).double()


FLOOR = 0.25


def draw_mixture(y, noise):
    weight, mean, log_deviation = y.chunk(3, 1)
    passed = weight.softmax(1).cumsum(1) > noise[:, :1]
    k = passed.double().argmax(1, keepdim=True)  # the first
    deviation = log_deviation.exp().clamp_min(FLOOR)
    return (mean.gather(1, k) + deviation.gather(1, k) * noise[:, 1:])[:, 0]


def sample(draw, noise, known, mask, w, c, v, b, rho=None):
    a, x = c.expand(noise.shape[0], -1), []
    for d in range(noise.shape[1]):
        h = torch.sigmoid(a) if rho is None else torch.relu(rho[d] * a)
        x.append(torch.where(mask[:, d] == 1, known[:, d], draw(h @ v[d] + b[d], noise[:, d])))
        a = a + x[-1][:, None] * w[d]
    return torch.stack(x, 1)


generator = torch.Generator().manual_seed(12)
uniform = lambda *shape: torch.rand(*shape, generator=generator, dtype=torch.float32).double()
B, D, H = 6, 8, 10
for name, scaled, O, draw in (("bits", False, 1, draw_bits), ("mixture", True, 9, draw_mixture)):
    # Small weights: what is drawn feeds back, through exp.
    given = {k: t if k == "rho" else t / 4 for k, t in weights(D, H, O, scaled).items()} | dict(
        b=normal(D, O),
        noise=uniform(B, D, 1) if O == 1 else torch.cat([uniform(B, D, 1), normal(B, D, 1)], 2),
        known=(normal(B, D) > 0).double() if O == 1 else normal(B, D),
        mask=(uniform(B, D) < 0.3).double(),
    )
    out |= {f"sample/{name}/{k}": t for k, t in given.items()}
    out[f"sample/{name}/x"] = sample(draw, **given)
out["sample/mixture/floor"] = torch.tensor([FLOOR])

write(__file__, out)
