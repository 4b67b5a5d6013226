"""Log-probabilities by torch.distributions and, for logistics, by hand, with the gradients of their sum weighted by dy.

bernoulli/CASE: logits, x (bits); log_p, dy, dlogits.                    categorical/CASE: logits [.., L], x [..]; log_p, dy, dlogits.
gaussians/CASE: parameters [.., 3K] = [weights | means | log-deviations], x [..], floor; log_p, dy, dparameters (MixtureSameFamily
of Normals).
logistic/CASE: mean, log_scale, x (levels), levels; log_p, dy, dmean, dlog_scale (differences of the logistic cdf at x + 1/2 and
x - 1/2 as the paper writes them, the outer levels with the tails; above the mean of 1 - cdf, whose digits f64 keeps there).
"""
import torch
from torch.distributions import Bernoulli, Categorical, MixtureSameFamily, Normal

from _common import numbers, write

normal = numbers(23)
out = {}


def keep(name, leaves, f, **given):
    values = {k: v.clone().requires_grad_() for k, v in leaves.items()}
    log_p = f(*values.values())
    dy = normal(*log_p.shape)
    log_p.backward(dy)
    tensors = values | {"log_p": log_p, "dy": dy} | {f"d{k}": v.grad for k, v in values.items()} | given
    out.update({f"{name}/{k}": v for k, v in tensors.items()})


for name, scale in [("moderate", 1.0), ("saturated", 60.0)]:
    logits = scale * normal(5, 8)
    x = (normal(5, 8) > 0).double()
    keep(f"bernoulli/{name}", {"logits": logits}, lambda l: Bernoulli(logits=l).log_prob(x), x=x)

for name, scale, shape in [("levels", 1.0, (2, 6, 17)), ("saturated", 60.0, (9, 5)), ("one level", 1.0, (3, 1))]:
    logits = scale * normal(*shape)
    x = ((1000 * normal(*shape[:-1])).abs().long() % shape[-1]).double()
    keep(f"categorical/{name}", {"logits": logits}, lambda l: Categorical(logits=l).log_prob(x), x=x)

for name, scale, k, floor in [("mixture", 1.0, 4, 0.5), ("far", 6.0, 3, 0.125), ("one component", 1.0, 1, 2.0**-10)]:
    parameters, x, floor = scale * normal(3, 5, 3 * k), scale * normal(3, 5), torch.tensor(floor)

    def log_p(parameters):
        w, mean, s = parameters.chunk(3, -1)
        deviation = s.maximum(floor.log()).exp()
        return MixtureSameFamily(Categorical(logits=w), Normal(mean, deviation)).log_prob(x)

    keep(f"gaussians/{name}", {"parameters": parameters}, log_p, x=x, floor=floor)

for name, levels, spread, scale, width in [("8 levels", 8, 2.0, 0.0, 0.5), ("256 levels", 256, 80.0, 2.0, 0.75), ("two levels", 2, 1.0, 0.0, 1.0), ("far", 16, 30.0, 0.0, 0.5)]:
    mean = ((levels - 1) / 2 + spread * normal(5, 6)).float().double()
    log_scale = (scale + width * normal(5, 6)).float().double()
    x = ((1000 * normal(5, 6)).abs().long() % levels).double()
    x[0, 0], x[0, 1] = 0, levels - 1

    def log_p(mean, log_scale):
        def cdf(sign, at):
            return torch.sigmoid(sign * (at - mean) / log_scale.exp())

        below = torch.where(x == levels - 1, 1, cdf(1, x + 0.5)) - torch.where(x == 0, 0, cdf(1, x - 0.5))
        above = torch.where(x == 0, 1, cdf(-1, x - 0.5)) - torch.where(x == levels - 1, 0, cdf(-1, x + 0.5))
        return torch.where(x > mean, above, below).log()

    keep(f"logistic/{name}", {"mean": mean, "log_scale": log_scale}, log_p, x=x, levels=levels)

write(__file__, out)
