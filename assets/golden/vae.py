"""Variational auto-encoders (Kingma and Welling 2014; with several draws, Burda et al. 2016): ten training steps each, Adam 1e-3,
batch 4, k draws of each row.

CASE/initial/NAME     weights before the first step, with the names of PyTorch's example (fc1, fc21, fc22, fc3, fc4)
CASE/x                [10, 4, ..]: rows of each step, images NHWC, as the model takes them: bits, levels or real numbers
CASE/losses           [10, 3]: loss, reconstruction, KL
CASE/reference        [3]: the same of the first step by a loop over rows, draws, latents and values
CASE/gradient/NAME    of the first step

The noise of step t is what the device's generator gives for seed 7, stream "noise", step t, as [4, k, Z].
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from _common import normals, numbers, write

STEPS, BATCH, SEED = 10, 4, 7
FLOOR, FREE_BITS, BETA, WARM_UP = 0.01, 0.3, 0.5, 4
DENSE = dict(hidden=7, layers=1, act=torch.relu, z=3, k=1, filters=0, stages=0, levels=2)
CASES = {
    "bits": DENSE | dict(shape=(5, 4, 1), p="bernoulli"),
    "colour bits": DENSE | dict(shape=(2, 3, 3), p="bernoulli"),
    "iwae": DENSE | dict(shape=(5, 4, 1), p="bernoulli", hidden=6, layers=2, act=torch.tanh, z=5, k=3),
    "levels": DENSE | dict(shape=(3, 3, 1), p="discretised-logistic", levels=5, z=2),
    "convolutions": DENSE | dict(shape=(8, 4, 3), p="discretised-logistic", levels=16, filters=2, stages=2, hidden=5),
    "vectors": DENSE | dict(shape=(6,), p="gaussian", levels=0),
    "scaled levels": DENSE | dict(shape=(3, 2, 1), p="gaussian", levels=9),
    "cross-entropy": DENSE | dict(shape=(3, 3, 1), p="cross-entropy", levels=5),
    "regularised": DENSE | dict(shape=(5, 4, 1), p="bernoulli"),
}


def noise_of(step, *shape):
    return normals("noise", shape, step, SEED)


class Vae(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.d = c, math.prod(c["shape"])
        self.heads = 1 if c["p"] in ("bernoulli", "cross-entropy") else 2
        channels = c["shape"][-1]
        f, s = c["filters"], c["stages"]
        maps = [channels] + [f << i for i in range(s)]
        for i in range(s):
            setattr(self, f"conv{i + 1}", nn.Conv2d(maps[i], maps[i + 1], 4, 2, 1))
        n = self.d if s == 0 else (c["shape"][0] >> s) * (c["shape"][1] >> s) * maps[-1]
        self.dense("fc1", n)
        self.fc21, self.fc22 = nn.Linear(c["hidden"], c["z"]), nn.Linear(c["hidden"], c["z"])
        self.dense("fc3", c["z"])
        self.fc4 = nn.Linear(c["hidden"], n)
        if s == 0 and self.heads == 2:
            self.fc42 = nn.Linear(c["hidden"], n)
        for i in range(s):
            setattr(self, f"deconv{i + 1}", nn.ConvTranspose2d(maps[i + 1], maps[i] if i else self.heads * channels, 4, 2, 1))

    def names(self, name):
        return [name if i == 0 else f"{name}_{i + 1}" for i in range(self.c["layers"])]

    def dense(self, name, n):
        for layer in self.names(name):
            setattr(self, layer, nn.Linear(n, self.c["hidden"]))
            n = self.c["hidden"]

    def encode(self, x):
        y = x / (self.c["levels"] - 1) if self.c["levels"] > 2 else x
        y = y.permute(0, 3, 1, 2) if y.dim() == 4 else y
        for i in range(self.c["stages"]):
            y = self.c["act"](getattr(self, f"conv{i + 1}")(y))
        y = y.flatten(1)
        for layer in self.names("fc1"):
            y = self.c["act"](getattr(self, layer)(y))
        return self.fc21(y), self.fc22(y)

    def decode(self, z):
        """[N, Z] -> heads, each [N, D] with values in the order of x."""
        c, y = self.c, z
        for layer in self.names("fc3"):
            y = c["act"](getattr(self, layer)(y))
        if c["stages"]:
            s = c["stages"]
            y = c["act"](self.fc4(y)).reshape(len(z), -1, c["shape"][0] >> s, c["shape"][1] >> s)
            for i in reversed(range(s)):
                y = getattr(self, f"deconv{i + 1}")(y)
                y = c["act"](y) if i else y
            maps = y.chunk(self.heads, 1)
        else:
            flat = [self.fc4(y)] + ([self.fc42(y)] if self.heads == 2 else [])
            if len(c["shape"]) == 1:
                return flat
            h, w, channels = c["shape"]
            maps = [t.reshape(len(z), channels, h, w) for t in flat]
        return [t.permute(0, 2, 3, 1).flatten(1) for t in maps]


def log_p(c, heads, x):
    """log p(x_d | z), of the shape of x."""
    top = c["levels"] - 1
    if c["p"] == "bernoulli":
        return -F.binary_cross_entropy_with_logits(heads[0], x, reduction="none")
    if c["p"] == "cross-entropy":
        return -F.binary_cross_entropy_with_logits(heads[0], x / top, reduction="none")
    if c["p"] == "gaussian":
        x = x / top if top > 0 else x
        return torch.distributions.Normal(heads[0], heads[1].exp().clamp_min(FLOOR)).log_prob(x)
    mean, scale = top * (0.5 + heads[0]), heads[1].exp() * c["levels"] / 4
    a, b = (x + 0.5 - mean) / scale, (x - 0.5 - mean) / scale
    a, b = torch.where(a + b > 0, -b, a), torch.where(a + b > 0, -a, b)  # of both tails the one that f64 has digits of
    between = torch.where((x > 0) & (x < top), torch.sigmoid(a) - torch.sigmoid(b), 0.5)  # no gradient through log 0 at the edges
    ends = torch.where(x == 0, F.logsigmoid((0.5 - mean) / scale), F.logsigmoid((mean - x + 0.5) / scale))
    return torch.where((x > 0) & (x < top), between.log(), ends)


def losses(m, name, x, noise, step):
    c = m.c
    b, k, z = noise.shape
    mean, log_var = m.encode(x)
    draws = mean[:, None] + (0.5 * log_var).exp()[:, None] * noise
    heads = [h.reshape(b, k, -1) for h in m.decode(draws.reshape(b * k, z))]
    rows = x.reshape(b, 1, -1).expand(b, k, m.d)
    log_likelihood = log_p(c, heads, rows).sum(2)
    kls = -0.5 * (1 + log_var - mean**2 - log_var.exp())
    reconstruction, kl = -log_likelihood.mean(), kls.sum(1).mean()
    if k > 1:
        q = torch.distributions.Normal(mean[:, None], (0.5 * log_var).exp()[:, None]).log_prob(draws).sum(2)
        prior = torch.distributions.Normal(0, 1).log_prob(draws).sum(2)
        loss = -(torch.logsumexp(log_likelihood + prior - q, 1) - math.log(k)).mean()
    elif name == "regularised":
        loss = reconstruction + BETA * min(1, step / WARM_UP) * kls.mean(0).clamp_min(FREE_BITS).sum()
    else:
        loss = reconstruction + kl
    return (loss, reconstruction, kl), (mean, log_var, heads, rows)


def reference(c, name, mean, log_var, heads, rows, noise):
    """A loop over everything, with Python's floats."""
    mean, log_var, rows, noise = [t.detach().numpy() for t in (mean, log_var, rows, noise)]
    heads = [h.detach().numpy() for h in heads]
    sigmoid = lambda v: 1 / (1 + math.exp(-v))
    top, total, total_r, total_kl = c["levels"] - 1, 0.0, 0.0, 0.0
    for i in range(BATCH):
        weights = []
        for j in range(c["k"]):
            log_likelihood, log_ratio = 0.0, 0.0
            for d in range(rows.shape[2]):
                x, a = rows[i, j, d], heads[0][i, j, d]
                if c["p"] in ("bernoulli", "cross-entropy"):
                    t, p = x / top, sigmoid(a)
                    log_likelihood += t * math.log(p) + (1 - t) * math.log(1 - p)
                elif c["p"] == "gaussian":
                    t, s = (x / top if top > 0 else x), max(math.exp(heads[1][i, j, d]), FLOOR)
                    log_likelihood += -0.5 * math.log(2 * math.pi * s * s) - (t - a) ** 2 / (2 * s * s)
                else:
                    m, s = top * (0.5 + a), math.exp(heads[1][i, j, d]) * c["levels"] / 4
                    flip = -1 if x > m else 1  # of both tails the one that f64 has digits of
                    above = 1.0 if x == top else sigmoid(flip * (x + 0.5 - m) / s)
                    below = 0.0 if x == 0 else sigmoid(flip * (x - 0.5 - m) / s)
                    if x == top:
                        log_likelihood += math.log(sigmoid(-(x - 0.5 - m) / s))
                    elif x == 0:
                        log_likelihood += math.log(above if flip == 1 else 1 - above)
                    else:
                        log_likelihood += math.log(abs(above - below))
            for d in range(c["z"]):
                z = mean[i, d] + math.exp(log_var[i, d] / 2) * noise[i, j, d]
                log_ratio += -0.5 * z * z + 0.5 * (z - mean[i, d]) ** 2 / math.exp(log_var[i, d]) + 0.5 * log_var[i, d]
            total_r -= log_likelihood / c["k"]
            weights.append(math.exp(log_likelihood + log_ratio))
        kl = sum((math.exp(v) + m * m - 1 - v) / 2 for m, v in zip(mean[i], log_var[i]))
        total_kl += kl
        total -= math.log(sum(weights) / len(weights))
    if c["k"] == 1:
        total = total_r + total_kl
    if name == "regularised":
        total = total_r  # the weight of the KL is 0 at step 0
    return torch.tensor([total / BATCH, total_r / BATCH, total_kl / BATCH])


out = {}
normal = numbers(41)
for name, c in CASES.items():
    m = Vae(c)
    for p in m.parameters():
        p.data = (0.4 * normal(*p.shape)).float().double()
    put = lambda kind, items: out.update({f"{name}/{kind}/{k}": v.detach().clone() for k, v in items})
    put("initial", m.state_dict().items())
    x = normal(STEPS, BATCH, *c["shape"])
    if c["levels"]:
        x = torch.floor(torch.special.ndtr(x) * c["levels"])
    adam = torch.optim.Adam(m.parameters(), lr=1e-3)
    all_losses = []
    for step in range(STEPS):
        adam.zero_grad()
        noise = noise_of(step, BATCH, c["k"], c["z"])
        terms, parts = losses(m, name, x[step], noise, step)
        terms[0].backward()
        if step == 0:
            put("gradient", ((k, p.grad if p.grad is not None else torch.zeros_like(p)) for k, p in m.named_parameters()))
            out[f"{name}/reference"] = reference(c, name, *parts, noise)
        adam.step()
        all_losses.append(torch.stack(terms).detach())
    out[f"{name}/x"], out[f"{name}/losses"] = x, torch.stack(all_losses)
    assert torch.allclose(out[f"{name}/reference"], all_losses[0], rtol=1e-10), (name, out[f"{name}/reference"], all_losses[0])

write(__file__, out)
