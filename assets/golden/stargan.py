"""Four steps of a small StarGAN (Choi et al. 2018, arXiv:1711.09020): D alone, D and G, D alone, D and G. 32x32 pixels, 2 filters in the first
layer of each network, 1 residual block, batch 3; domains of a choice of two and a flag. WGAN-GP with lambda 10, classification 1,
reconstruction 10. Adam (0.5, 0.999) at 1e-3 for two steps, then along a line to 0 at a fifth step. The classes are those of the authors' code,
but for the loss of a choice beside flags.

initial/NAME    weights before the first step, by the names of the authors' state dicts
x               [4, 3, 3, 32, 32], the rows of each step, in [-1, 1];  attributes, target  [4, 3, 3], their domains and those asked for
loss_d, class_d, gradient_penalty           [4];  loss_g, class_g, reconstruction  [2], of the steps with G; none with its weight
gradient/NAME   of the first update of each weight: of step 0 for D, of step 1 for G
final/NAME      weights after the last step

The place between a real and a made row is what a device draws for seed 7: "between".
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from _common import numbers, uniforms, write

BATCH, SIZE, F_G, F_D, BLOCKS, SEED = 3, 32, 2, 2, 1, 7
RATES = (1e-3, 1e-3, 1e-3, 5e-4)
N_CRITIC, C = 2, 3
normal = numbers(31)


def norm(c):
    return nn.InstanceNorm2d(c, affine=True, track_running_stats=True)


class ResidualBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(c, c, 3, 1, 1, bias=False), norm(c), nn.ReLU(inplace=True), nn.Conv2d(c, c, 3, 1, 1, bias=False), norm(c))

    def forward(self, x):
        return x + self.main(x)


class Generator(nn.Module):
    def __init__(self, f, c_dim, n):
        super().__init__()
        layers = [nn.Conv2d(3 + c_dim, f, 7, 1, 3, bias=False), norm(f), nn.ReLU(inplace=True)]
        for _ in range(2):
            layers += [nn.Conv2d(f, 2 * f, 4, 2, 1, bias=False), norm(2 * f), nn.ReLU(inplace=True)]
            f *= 2
        layers += [ResidualBlock(f) for _ in range(n)]
        for _ in range(2):
            layers += [nn.ConvTranspose2d(f, f // 2, 4, 2, 1, bias=False), norm(f // 2), nn.ReLU(inplace=True)]
            f //= 2
        self.main = nn.Sequential(*layers, nn.Conv2d(f, 3, 7, 1, 3, bias=False), nn.Tanh())

    def forward(self, x, c):
        c = c.view(c.size(0), c.size(1), 1, 1).repeat(1, 1, x.size(2), x.size(3))
        return self.main(torch.cat([x, c], 1))


class Discriminator(nn.Module):
    def __init__(self, size, f, c_dim):
        super().__init__()
        n = int(math.log2(size)) - 1
        layers = [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.01)]
        for _ in range(1, n):
            layers += [nn.Conv2d(f, 2 * f, 4, 2, 1), nn.LeakyReLU(0.01)]
            f *= 2
        self.main = nn.Sequential(*layers)
        self.conv1 = nn.Conv2d(f, 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(f, c_dim, size >> n, bias=False)

    def forward(self, x):
        h = self.main(x)
        c = self.conv2(h)
        return self.conv1(h), c.view(c.size(0), c.size(1))


def begin(net):
    """Weights that keep the size of what passes; norms and biases that are seen in every formula."""
    for name, p in net.named_parameters():
        if p.dim() == 4:
            value = normal(*p.shape) * math.sqrt(2 / (p.shape[1] * p.shape[2] * p.shape[3]))
        else:
            value = 0.2 * normal(*p.shape) + (1 if "weight" in name else 0)
        p.data = value.float().double()


def named(prefix, net):
    return {f"{prefix}.{k}": p for k, p in net.named_parameters()}


def domains(choices, flags):
    return torch.cat([F.one_hot(torch.tensor(choices), 2).double(), torch.tensor(flags).double()[:, None]], 1)


def classification(logits, c):
    """As the authors' for a choice, and as theirs for flags."""
    choice = F.cross_entropy(logits[:, :2], c[:, :2].argmax(1))
    return choice + F.binary_cross_entropy_with_logits(logits[:, 2:], c[:, 2:], reduction="sum") / logits.size(0)


G, D = Generator(F_G, C, BLOCKS), Discriminator(SIZE, F_D, C)
begin(G), begin(D)
initial = {k: p.detach().clone() for k, p in (named("generator", G) | named("discriminator", D)).items()}
x = torch.stack([torch.tanh(normal(BATCH, 3, SIZE, SIZE)).float().double() for _ in RATES])
own = torch.stack([domains([0, 1, 1], [1, 0, 1]), domains([1, 0, 0], [0, 0, 1]), domains([0, 0, 1], [1, 1, 0]), domains([1, 1, 0], [0, 1, 0])])
target = torch.stack([c[order] for c, order in zip(own, ([2, 0, 1], [1, 2, 0], [0, 2, 1], [2, 1, 0]))])
opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999), eps=1e-8) for net in (G, D))
losses = {k: [] for k in ("loss_d", "class_d", "gradient_penalty", "loss_g", "class_g", "reconstruction")}
gradients = {}


def keep(**values):
    for name, value in values.items():
        losses[name].append(value.detach())


for step, rate in enumerate(RATES):
    for opt in (opt_g, opt_d):
        opt.param_groups[0]["lr"] = rate
    real, c_org, c_trg = x[step], own[step], target[step]

    src, cls = D(real)
    loss_real, class_d = -src.mean(), classification(cls, c_org)
    fake = G(real, c_trg)
    loss_fake = D(fake.detach())[0].mean()
    alpha = uniforms("between", (BATCH,), step, SEED).view(BATCH, 1, 1, 1)
    x_hat = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_()
    out = D(x_hat)[0]
    (dydx,) = torch.autograd.grad(out, x_hat, torch.ones_like(out), create_graph=True, retain_graph=True)
    penalty = (dydx.view(BATCH, -1).square().sum(1).sqrt() - 1).square().mean()
    opt_d.zero_grad()
    (loss_real + loss_fake + class_d + 10 * penalty).backward()
    if step == 0:
        gradients |= {k: p.grad.clone() for k, p in named("discriminator", D).items()}
    opt_d.step()
    keep(loss_d=loss_real + loss_fake, class_d=class_d, gradient_penalty=penalty)

    if (step + 1) % N_CRITIC == 0:
        fake = G(real, c_trg)
        src, cls = D(fake)
        loss_g, class_g = -src.mean(), classification(cls, c_trg)
        reconstruction = (real - G(fake, c_org)).abs().mean()
        opt_g.zero_grad()
        (loss_g + 10 * reconstruction + class_g).backward()
        if step == 1:
            gradients |= {k: p.grad.clone() for k, p in named("generator", G).items()}
        opt_g.step()
        keep(loss_g=loss_g, class_g=class_g, reconstruction=reconstruction)

final = named("generator", G) | named("discriminator", D)
write(__file__, dict(
    x=x, attributes=own, target=target, **{k: torch.stack(v) for k, v in losses.items()},
    **{f"initial/{k}": v for k, v in initial.items()}, **{f"gradient/{k}": v for k, v in gradients.items()},
    **{f"final/{k}": v for k, v in final.items()},
))
for name, values in losses.items():
    print(name, [round(v.item(), 4) for v in values])
