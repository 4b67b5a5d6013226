"""Four steps of a small Puzzle-GAN (Lee et al. 2018, arXiv:1703.10730): D alone, D and G, D alone, D and G. 16x16 pixels, 2 filters next to an
image, 3 numbers of a patch, 2 latents, 3 patches, batch 3. Every loss is of logits; the weight of both L1 losses is 0.05, and falls to a
hundredth in four steps. Adam (0.5, 0.999) at 1e-3.

initial/NAME    weights before the first step
x  [3, 3, 16, 16], patches  [3, 3, 3, 16, 16], mask  [3, 1, 16, 16]    the rows of every step
loss_d          [4];  loss_g, spatial, appearance  [2], of the steps with G; none with its weight
gradient/NAME   of the first update of each weight: of step 0 for D, of step 1 for G
statistics/NAME running means and variances after the first step
final/NAME      weights after the last step, running variances too

The gradient of a bias in front of a batch norm is 0 but for rounding, and is left out, as are these biases in the end: Adam makes steps of any
sign of it. The latents are what a device draws for seed 7: "z".
"""
import torch
import torch.nn.functional as F
from torch import nn

from _common import numbers, uniforms, write

BATCH, SIZE, WIDTH, EMBEDDING, LATENTS, PATCHES, SEED = 3, 16, 2, 3, 2, 3, 7
STEPS, N_CRITIC, LR, LAMBDA, FALL = 4, 2, 1e-3, 0.05, 0.01
LEVELS = 2  # 16 -> 8 -> 4
normal = numbers(47)


def layer(conv, norm):
    parts = {"conv": conv}
    if norm:
        parts["norm"] = nn.BatchNorm2d(conv.out_channels)
    return nn.ModuleDict(parts)


def through(layer, x):
    x = layer["conv"](x)
    return layer["norm"](x) if "norm" in layer else x


def trunk():
    widths = [3] + [WIDTH << level for level in range(LEVELS)]
    return [layer(nn.Conv2d(a, b, 5, 2, 2), level > 0) for level, (a, b) in enumerate(zip(widths, widths[1:]))]


class Trunk(nn.ModuleList):
    """Strided convolutions, then one of 4x4: an encoder of `out` numbers, or D with one."""

    def __init__(self, out):
        super().__init__(trunk() + [layer(nn.Conv2d(WIDTH << (LEVELS - 1), out, 4), False)])

    def levels(self, x):
        levels = []
        for one in list(self)[:-1]:
            x = F.leaky_relu(through(one, x), 0.2)
            levels.append(x)
        return levels


class Decoder(nn.ModuleList):
    def __init__(self, code, skips, out):
        top = WIDTH << (LEVELS - 1)
        layers, own = [layer(nn.ConvTranspose2d(code, top, 4), True)], top
        for level, skip in enumerate(skips):
            last = level + 1 == LEVELS
            c = out if last else WIDTH << (LEVELS - 2 - level)
            layers.append(layer(nn.ConvTranspose2d(own + skip, c, 5, 2, 2, output_padding=1), not last))
            own = c
        super().__init__(layers)

    def forward(self, x, skips):
        x, read = F.relu(through(self[0], x)), []
        for one, skip in zip(list(self)[1:], skips):
            read.append(torch.cat([x, skip], 1))
            x = through(one, read[-1])
            if "norm" in one:
                x = F.relu(x)
        return x, read


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        widths = [WIDTH << level for level in reversed(range(LEVELS))]  # from 4x4 on
        self.encoder = Trunk(EMBEDDING)
        self.mask_decoder = Decoder(EMBEDDING, widths, 1)
        self.image_decoder = Decoder(EMBEDDING + LATENTS, [2 * w for w in widths], 3)

    def forward(self, patches, z):
        b, n = patches.shape[:2]
        levels = self.encoder.levels(patches.flatten(0, 1))  # one batch norm over all patches of all images
        embedding = F.leaky_relu(through(self.encoder[-1], levels[-1]), 0.2)
        summed = lambda y: y.unflatten(0, (b, n)).sum(1)
        code = summed(embedding)
        mask, read = self.mask_decoder(code, [summed(y) for y in reversed(levels)])
        image, _ = self.image_decoder(torch.cat([code, z[:, :, None, None]], 1), read)
        return torch.tanh(image), torch.sigmoid(mask)


class Discriminator(Trunk):
    def __init__(self):
        super().__init__(1)

    def forward(self, x):
        return through(self[-1], self.levels(x)[-1]).flatten()


def begin(net):
    """Weights that keep the size of what passes; norms and biases that are seen in every formula."""
    for name, p in net.named_parameters():
        if p.dim() == 4:
            value = normal(*p.shape) * (2 / (p[0].numel())) ** 0.5
        else:
            value = 0.2 * normal(*p.shape) + (1 if "norm.weight" in name else 0)
        p.data = value.float().double()


G, D = Generator(), Discriminator()
begin(G), begin(D)


def parameters():
    return {f"generator.{k}": p for k, p in G.named_parameters()} | {f"discriminator.{k}": p for k, p in D.named_parameters()}


def buffers(ending):
    nets = (("generator", G), ("discriminator", D))
    return {f"{name}.{k}": b for name, net in nets for k, b in net.named_buffers() if k.endswith(ending)}


def is_seen(name):
    """Whether a parameter changes anything: a bias in front of a batch norm does not."""
    return not name.endswith("conv.bias") or name.replace("conv.bias", "norm.weight") not in parameters()


initial = {k: p.detach().clone() for k, p in parameters().items()}
x = torch.tanh(normal(BATCH, 3, SIZE, SIZE)).float().double()
patches = torch.tanh(normal(BATCH, PATCHES, 3, SIZE, SIZE)).float().double()
mask = torch.zeros(BATCH, 1, SIZE, SIZE)
for row, boxes in enumerate([[(0, 0, 6), (8, 9, 4)], [(2, 5, 8)], [(10, 0, 4), (0, 10, 6), (9, 9, 6)]]):
    for top, left, side in boxes:
        mask[row, :, top:top + side, left:left + side] = 1

opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=LR, betas=(0.5, 0.999), eps=1e-8) for net in (G, D))
losses = {k: [] for k in ("loss_d", "loss_g", "spatial", "appearance")}
gradients, statistics = {}, {}
real = lambda logits: F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
made = lambda logits: F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))

for step in range(STEPS):
    z = 2 * uniforms("z", (BATCH, LATENTS), step, SEED) - 1
    image, place = G(patches, z)
    other = x.roll(-1, 0)
    loss_d = real(D(x)) + made(D(image.detach()))
    loss_d = loss_d + made(D(other * mask + x * (1 - mask))) + made(D(x * mask + other * (1 - mask)))
    opt_d.zero_grad()
    loss_d.backward()
    losses["loss_d"].append(loss_d.detach())
    if step == 0:
        gradients |= {f"discriminator.{k}": p.grad.clone() for k, p in D.named_parameters()}
    opt_d.step()

    if (step + 1) % N_CRITIC == 0:
        weight = LAMBDA * FALL ** (step / STEPS)
        loss_g = real(D(image))
        spatial = (place - mask).abs().sum() / BATCH
        appearance = (image * place - x * mask).abs().sum() / BATCH
        opt_g.zero_grad()
        (loss_g + weight * spatial + weight * appearance).backward()
        if step == 1:
            gradients |= {f"generator.{k}": p.grad.clone() for k, p in G.named_parameters()}
        opt_g.step()
        for name, value in (("loss_g", loss_g), ("spatial", spatial), ("appearance", appearance)):
            losses[name].append(value.detach())
    if step == 0:
        statistics = {k: b.clone() for k, b in (buffers("running_mean") | buffers("running_var")).items()}

final = {k: p for k, p in parameters().items() if is_seen(k)} | buffers("running_var")
write(__file__, dict(
    x=x, patches=patches, mask=mask, **{k: torch.stack(v) for k, v in losses.items()},
    **{f"initial/{k}": v for k, v in initial.items()}, **{f"gradient/{k}": v for k, v in gradients.items() if is_seen(k)},
    **{f"statistics/{k}": v for k, v in statistics.items()}, **{f"final/{k}": v for k, v in final.items()},
))
for name, values in losses.items():
    print(name, [round(v.item(), 4) for v in values])
