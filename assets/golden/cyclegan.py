"""Three training steps of a small CycleGAN (Zhu et al. 2017, arXiv:1703.10593) by its authors' public code: 24x24 pixels, three channels, two
filters, two residual blocks, batch 2, histories of two rows. Least squares, D halved, cycle 10, identity 0.5. Adam 1e-3 (0.5, 0.999) over both
generators and over both discriminators; the third step has two thirds of that rate.

initial/NAME      weights before the first step, by the public names
a, b              [3, 2, 3, 24, 24], the rows of each step, in [-1, 1]
decided_a, _b     [3, 2, 2], what becomes of the rows that were made: the place whose row is shown and the place that is taken; 2 is none
loss_g_a, loss_g_b, cycle_a, cycle_b, identity_a, identity_b, loss_d_a, loss_d_b      [3] each, without weights
gradient/NAME     of the first step
final/NAME        weights after the last step
pool_a, pool_b    [2, 3, 24, 24], the rows of the histories after it
trace/decided     [20, 3, 2], as decided_a, of a history of 5 rows;  trace/shown  [20, 3]; trace/kept  [5], after it. Rows are their numbers.

Decisions are those of seed 7: words of the streams "pool_a", "pool_b" and "trace" of the domain of data.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from _common import numbers, philox, write

STEPS, BATCH, SIZE, WIDTH, BLOCKS, CAPACITY, SEED, LR = 3, 2, 24, 2, 2, 2, 7, 1e-3
CYCLE, IDENTITY = 10.0, 0.5
DATA = 3


class ResnetBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c))

    def forward(self, x):
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    def __init__(self, f):
        super().__init__()
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, f, 7), nn.InstanceNorm2d(f), nn.ReLU()]
        for c in (f, 2 * f):
            layers += [nn.Conv2d(c, 2 * c, 3, 2, 1), nn.InstanceNorm2d(2 * c), nn.ReLU()]
        layers += [ResnetBlock(4 * f) for _ in range(BLOCKS)]
        for c in (4 * f, 2 * f):
            layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(c // 2), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh())

    def forward(self, x):
        return self.model(x)


class NLayerDiscriminator(nn.Module):
    def __init__(self, f):
        super().__init__()
        layers, c = [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.2)], f
        for stride in (2, 2, 1):
            layers += [nn.Conv2d(c, 2 * c, 4, stride, 1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2)]
            c *= 2
        self.model = nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 1))

    def forward(self, x):
        return self.model(x)


class Words:
    """The words that the host draws by a name at a step."""

    def __init__(self, name, step):
        stream = 0x811C9DC5
        for byte in name.encode():
            stream = ((stream ^ byte) * 0x01000193) & 0xFFFFFFFF
        same = lambda v: np.full(16, v)
        blocks = philox([np.arange(16), same(stream), same(step), same(DATA)], (SEED, 0))
        self.words = iter(np.stack(blocks, axis=1).reshape(-1).tolist())

    def word(self):
        return next(self.words)

    def below(self, n):
        """Uniform below n, by a product whose low half says whether it is unbiased (Lemire 2019)."""
        while True:
            m = self.word() * n
            if m % 2**32 >= 2**32 % n:
                return m >> 32


class Pool:
    """The public code's history, its chances drawn as here."""

    def __init__(self, name, capacity=CAPACITY):
        self.name, self.capacity, self.images, self.decided = name, capacity, [], []

    def query(self, images, step):
        words, shown, decided = Words(self.name, step), [], []
        for image in images.detach():
            coin, place = words.word() >> 31, words.below(self.capacity)
            if len(self.images) < self.capacity:
                decided.append([self.capacity, len(self.images)])
                self.images.append(image)
                shown.append(image)
            elif coin:
                decided.append([place, place])
                shown.append(self.images[place])
                self.images[place] = image
            else:
                decided.append([self.capacity, self.capacity])
                shown.append(image)
        self.decided.append(decided)
        return torch.stack(shown)


normal = numbers(29)
NETS = {"netG_A": ResnetGenerator(WIDTH), "netG_B": ResnetGenerator(WIDTH),
        "netD_A": NLayerDiscriminator(WIDTH), "netD_B": NLayerDiscriminator(WIDTH)}
G_A, G_B, D_A, D_B = NETS.values()
for net in NETS.values():
    for p in net.parameters():
        scale = 1 / math.sqrt(p[0].numel()) if p.dim() > 1 else 0.1
        p.data = (scale * normal(*p.shape)).float().double()


def named(kind, value=lambda p: p.detach().clone()):
    """All networks' weights under their full names."""
    return {f"{kind}/{name}.{k}": value(p) for name, net in NETS.items() for k, p in net.named_parameters()}


def distance(x, y):
    return (x - y).abs().mean()


def gan(scores, target):
    return (scores - target).square().mean()


out = named("initial")
a, b = (torch.tanh(normal(STEPS, BATCH, 3, SIZE, SIZE)).float().double() for _ in range(2))
adam = lambda *nets: torch.optim.Adam([p for net in nets for p in net.parameters()], lr=LR, betas=(0.5, 0.999))
adam_g, adam_d = adam(G_A, G_B), adam(D_A, D_B)
pool_a, pool_b = Pool("pool_a"), Pool("pool_b")
losses = {}
gradients = {}
for step, (real_a, real_b) in enumerate(zip(a, b)):
    for group in adam_g.param_groups + adam_d.param_groups:
        group["lr"] = LR * (1 - max(step - 1, 0) / 3)
    fake_b, fake_a = G_A(real_a), G_B(real_b)
    g = dict(loss_g_a=gan(D_A(fake_b), 1), loss_g_b=gan(D_B(fake_a), 1),
             cycle_a=distance(G_B(fake_b), real_a), cycle_b=distance(G_A(fake_a), real_b),
             identity_a=distance(G_A(real_b), real_b), identity_b=distance(G_B(real_a), real_a))
    adam_g.zero_grad()
    (g["loss_g_a"] + g["loss_g_b"] + CYCLE * (g["cycle_a"] + g["cycle_b"])
     + CYCLE * IDENTITY * (g["identity_a"] + g["identity_b"])).backward()
    if step == 0:
        gradients |= {k: v for k, v in named("gradient", lambda p: p.grad.clone()).items() if "netG" in k}
    adam_g.step()

    judged = lambda net, real, fake: 0.5 * (gan(net(real), 1) + gan(net(fake), 0))
    d = dict(loss_d_a=judged(D_A, real_b, pool_b.query(fake_b, step)), loss_d_b=judged(D_B, real_a, pool_a.query(fake_a, step)))
    adam_d.zero_grad()
    sum(d.values()).backward()
    if step == 0:
        gradients |= {k: v for k, v in named("gradient", lambda p: p.grad.clone()).items() if "netD" in k}
    adam_d.step()
    for name, loss in (g | d).items():
        losses.setdefault(name, []).append(loss.item())

trace = Pool("trace", 5)
shown = torch.stack([trace.query(3 * step + torch.arange(3.0), step) for step in range(20)])

print(losses)
print(pool_a.decided, pool_b.decided)
write(__file__, out | gradients | named("final") | {name: torch.tensor(values) for name, values in losses.items()} | dict(
    a=a, b=b, decided_a=torch.tensor(pool_a.decided), decided_b=torch.tensor(pool_b.decided),
    pool_a=torch.stack(pool_a.images), pool_b=torch.stack(pool_b.images),
) | {"trace/decided": torch.tensor(trace.decided), "trace/shown": shown, "trace/kept": torch.stack(trace.images)})
