"""Seven steps of a small progressive GAN (Karras et al. 2018, arXiv:1710.10196): two of 4x4, three in which 8x8 is faded in (alpha 0, 1/2, 1),
two of 8x8 alone. 6 and 3 feature maps, 5 latents, 3 channels, batch 8 (two groups of the minibatch deviation). WGAN-GP with lambda 10, drift
1e-3 mean D(x)^2. Adam 1e-3 (0, 0.99), begun anew at steps 2 and 5. The average of G keeps min(0.999, (1 + t) / (10 + t)) at step t.

initial/NAME    weights before the first step
x4              [2, 8, 3, 4, 4], the rows of the first steps, in [-1, 1];  x8  [5, 8, 3, 8, 8]
loss_d, gradient_penalty, loss_g     [7] each; loss_d without penalty and drift
gradient/NAME   of step 3, in the middle of the fade, for each weight
final/NAME      weights after the last step;  ema/NAME  the averages

z and the place between a real and a made row are what a device draws for seed 7: "z" and "between".
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from _common import normals, numbers, uniforms, write

BATCH, Z, CHANNELS, MAPS, SEED, LEAK = 8, 5, 3, (6, 3), 7, 0.2
ALPHAS = (None, None, 0.0, 0.5, 1.0, 1.0, 1.0)
BEGINS = (0, 2, 5)
normal = numbers(21)


class Scaled(nn.Module):
    """A weight N(0, 1) that is scaled by gain / sqrt(inputs) when it is used, and a bias."""

    def __init__(self, shape, inputs, outputs, gain):
        super().__init__()
        self.weight = nn.Parameter(normal(*shape))
        # A bias begins at 0 in the program; not here, so that its part in every formula is seen.
        self.bias = nn.Parameter((0.1 * normal(outputs)).float().double())
        self.scale = gain / math.sqrt(inputs)

    def scaled(self):
        return self.weight * self.scale


class Conv(Scaled):
    def __init__(self, a, b, k, gain=math.sqrt(2)):
        super().__init__((b, a, k, k), a * k * k, b, gain)
        self.pad = k // 2

    def forward(self, x):
        return F.conv2d(x, self.scaled(), self.bias, padding=self.pad)


class Dense4(Scaled):
    """z -> 4x4, as a transposed convolution of one pixel, one bias a map."""

    def __init__(self, a, b):
        super().__init__((a, b, 4, 4), a, b, math.sqrt(2) / 4)

    def forward(self, z):
        return F.conv_transpose2d(z[:, :, None, None], self.scaled(), self.bias)


class Whole(Scaled):
    """4x4 -> 1x1."""

    def __init__(self, a, b):
        super().__init__((b, a, 4, 4), a * 16, b, math.sqrt(2))

    def forward(self, x):
        return F.conv2d(x, self.scaled(), self.bias).flatten(1)


class Linear(Scaled):
    def __init__(self, a, b, gain):
        super().__init__((b, a), a, b, gain)

    def forward(self, x):
        return F.linear(x, self.scaled(), self.bias)


def act(x):
    return F.leaky_relu(x, LEAK)


def pixel_norm(x):
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def upsampled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        a, b = MAPS
        self.levels = nn.ModuleDict({
            "4x4": nn.ModuleDict(dict(dense=Dense4(Z, a), conv=Conv(a, a, 3), rgb=Conv(a, CHANNELS, 1, 1.0))),
            "8x8": nn.ModuleDict(dict(conv0=Conv(a, b, 3), conv1=Conv(b, b, 3), rgb=Conv(b, CHANNELS, 1, 1.0))),
        })

    def forward(self, z, alpha):
        low, high = self.levels["4x4"], self.levels["8x8"]
        x = pixel_norm(act(low["dense"](pixel_norm(z))))
        x = pixel_norm(act(low["conv"](x)))
        if alpha is None:
            return low["rgb"](x)
        y = pixel_norm(act(high["conv1"](pixel_norm(act(high["conv0"](upsampled(x)))))))
        return (1 - alpha) * upsampled(low["rgb"](x)) + alpha * high["rgb"](y)


def deviation(x, group=4):
    b, c, h, w = x.shape
    y = x.reshape(group, b // group, c, h, w)
    s = ((y - y.mean(0, keepdim=True)).square().mean(0) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, s.repeat(group).reshape(b, 1, 1, 1).expand(b, 1, h, w)], 1)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        a, b = MAPS
        self.levels = nn.ModuleDict({
            "4x4": nn.ModuleDict(dict(rgb=Conv(CHANNELS, a, 1), conv=Conv(a + 1, a, 3), dense=Whole(a, a), out=Linear(a, 1, 1.0))),
            "8x8": nn.ModuleDict(dict(rgb=Conv(CHANNELS, b, 1), conv0=Conv(b, b, 3), conv1=Conv(b, a, 3))),
        })

    def forward(self, x, alpha):
        low, high = self.levels["4x4"], self.levels["8x8"]
        if alpha is None:
            y = act(low["rgb"](x))
        else:
            y = act(high["conv1"](act(high["conv0"](act(high["rgb"](x))))))
            y = (1 - alpha) * act(low["rgb"](F.avg_pool2d(x, 2))) + alpha * F.avg_pool2d(y, 2)
        y = act(low["conv"](deviation(y)))
        return low["out"](act(low["dense"](y)))[:, 0]


def named(prefix, net):
    return {f"{prefix}.{k.removeprefix('levels.')}": p for k, p in net.named_parameters()}


G, D = Generator(), Discriminator()
initial = {k: p.detach().clone() for k, p in (named("generator", G) | named("discriminator", D)).items()}
average = {k: p.detach().clone() for k, p in named("generator", G).items()}
x = [torch.tanh(normal(BATCH, CHANNELS, *([4, 4] if alpha is None else [8, 8]))).float().double() for alpha in ALPHAS]
losses = {"loss_d": [], "gradient_penalty": [], "loss_g": []}
gradients = {}


def trained(net, alpha):
    """What a level's program has: 4x4 alone at first."""
    return {k: p for k, p in net.items() if alpha is not None or "8x8" not in k}


def keep_gradients(step, net):
    if step == 3:
        gradients.update({k: p.grad.clone() for k, p in net.items()})


for step, (alpha, real) in enumerate(zip(ALPHAS, x)):
    g, d = trained(named("generator", G), alpha), trained(named("discriminator", D), alpha)
    if step in BEGINS:
        adam = lambda net: torch.optim.Adam(net.values(), lr=1e-3, betas=(0.0, 0.99), eps=1e-8)
        opt_g, opt_d = adam(g), adam(d)
    if alpha is not None:
        real = (1 - alpha) * upsampled(F.avg_pool2d(real, 2)) + alpha * real
    fake = G(normals("z", (BATCH, Z), step, SEED), alpha)
    judged, forged = D(real, alpha), D(fake.detach(), alpha)
    share = uniforms("between", (BATCH,), step, SEED).reshape(BATCH, 1, 1, 1)
    between = (fake.detach() + (real - fake.detach()) * share).requires_grad_()
    (slope,) = torch.autograd.grad(D(between, alpha).sum(), between, create_graph=True)
    penalty = ((slope.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()
    loss_d = forged.mean() - judged.mean()
    opt_d.zero_grad()
    (loss_d + 10 * penalty + 1e-3 * judged.square().mean()).backward()
    keep_gradients(step, d)
    opt_d.step()
    loss_g = -D(fake, alpha).mean()
    opt_g.zero_grad()
    loss_g.backward()
    keep_gradients(step, g)
    opt_g.step()
    keep = min(0.999, (1 + step) / (10 + step))
    for k, p in g.items():
        average[k] = p.detach() + keep * (average[k] - p.detach())
    for name, loss in dict(loss_d=loss_d, gradient_penalty=penalty, loss_g=loss_g).items():
        losses[name].append(loss.detach())

final = named("generator", G) | named("discriminator", D)
write(__file__, dict(
    x4=torch.stack(x[:2]), x8=torch.stack(x[2:]), **{k: torch.stack(v) for k, v in losses.items()},
    **{f"initial/{k}": v for k, v in initial.items()}, **{f"gradient/{k}": v for k, v in gradients.items()},
    **{f"final/{k}": v for k, v in final.items()}, **{f"ema/{k}": v for k, v in average.items()},
))
