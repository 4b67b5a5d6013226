"""Networks as public PyTorch code builds them, with its names: what `_public_weights.py` exchanges with calotype.

CycleGAN (github.com/junyanz/pytorch-CycleGAN-and-pix2pix), StarGAN (github.com/yunjey/stargan), DCGAN and VAE (github.com/pytorch/examples),
Progressive GAN (github.com/genforce/genforce, whose names the paper's own weights have in PyTorch; its critic: github.com/genforce/sefa).
Of InfoGAN, NADE and PixelCNN public codes differ from the papers and from each other; these are the papers' networks, written plainly.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F


def named(**parts):
    """A module of these parts."""
    net = nn.Module()
    for name, part in parts.items():
        setattr(net, name, part)
    return net


# CycleGAN

def resnet_generator(f, blocks):
    """Keys of ResnetGenerator: model.1, model.4, …; of its blocks model.10.conv_block.1 and .5."""
    class ResnetBlock(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.conv_block = nn.Sequential(
                nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c), nn.ReLU(True),
                nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c))

        def forward(self, x):
            return x + self.conv_block(x)

    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, f, 7), nn.InstanceNorm2d(f), nn.ReLU(True)]
    for c in (f, 2 * f):
        layers += [nn.Conv2d(c, 2 * c, 3, 2, 1), nn.InstanceNorm2d(2 * c), nn.ReLU(True)]
    layers += [ResnetBlock(4 * f) for _ in range(blocks)]
    for c in (4 * f, 2 * f):
        layers += [nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(c // 2), nn.ReLU(True)]
    return named(model=nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh()))


def patch_discriminator(f):
    layers, c = [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.2, True)], f
    for stride in (2, 2, 1):
        layers += [nn.Conv2d(c, 2 * c, 4, stride, 1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2, True)]
        c *= 2
    return named(model=nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 1)))


# StarGAN

def star_generator(f, c_dim, blocks):
    """With running statistics, as the published weights have them: nobody reads them, since the code never calls eval()."""
    norm = lambda c: nn.InstanceNorm2d(c, affine=True, track_running_stats=True)

    class ResidualBlock(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.main = nn.Sequential(nn.Conv2d(c, c, 3, 1, 1, bias=False), norm(c), nn.ReLU(True),
                                      nn.Conv2d(c, c, 3, 1, 1, bias=False), norm(c))

        def forward(self, x):
            return x + self.main(x)

    layers = [nn.Conv2d(3 + c_dim, f, 7, 1, 3, bias=False), norm(f), nn.ReLU(True)]
    for c in (f, 2 * f):
        layers += [nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False), norm(2 * c), nn.ReLU(True)]
    layers += [ResidualBlock(4 * f) for _ in range(blocks)]
    for c in (4 * f, 2 * f):
        layers += [nn.ConvTranspose2d(c, c // 2, 4, 2, 1, bias=False), norm(c // 2), nn.ReLU(True)]
    return named(main=nn.Sequential(*layers, nn.Conv2d(f, 3, 7, 1, 3, bias=False), nn.Tanh()))


def star_discriminator(size, f, c_dim):
    n, layers = int(math.log2(size)) - 1, [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.01)]
    for _ in range(1, n):
        layers += [nn.Conv2d(f, 2 * f, 4, 2, 1), nn.LeakyReLU(0.01)]
        f *= 2
    return named(main=nn.Sequential(*layers), conv1=nn.Conv2d(f, 1, 3, 1, 1, bias=False),
                 conv2=nn.Conv2d(f, c_dim, size >> n, bias=False))


# DCGAN

def dcgan_generator(nz=100, f=64, c=3):
    layers = [nn.ConvTranspose2d(nz, 8 * f, 4, 1, 0, bias=False), nn.BatchNorm2d(8 * f), nn.ReLU(True)]
    for n in (4 * f, 2 * f, f):
        layers += [nn.ConvTranspose2d(2 * n, n, 4, 2, 1, bias=False), nn.BatchNorm2d(n), nn.ReLU(True)]
    return named(main=nn.Sequential(*layers, nn.ConvTranspose2d(f, c, 4, 2, 1, bias=False), nn.Tanh()))


def dcgan_discriminator(f=64, c=3):
    layers = [nn.Conv2d(c, f, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for n in (f, 2 * f, 4 * f):
        layers += [nn.Conv2d(n, 2 * n, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * n), nn.LeakyReLU(0.2)]
    return named(main=nn.Sequential(*layers, nn.Conv2d(8 * f, 1, 4, 1, 0, bias=False), nn.Sigmoid()))


# VAE

class Vae(nn.Module):
    def __init__(self, d=784, hidden=400, z=20):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(d, hidden), nn.Linear(hidden, z), nn.Linear(hidden, z)
        self.fc3, self.fc4 = nn.Linear(z, hidden), nn.Linear(hidden, d)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))


# InfoGAN: table 1 of appendix C.1 (arXiv:1606.03657)

def info_generator(latents=74, f=64, hidden=1024, side=7, c=1):
    n = 2 * f * side * side
    return named(main=nn.Sequential(
        nn.Linear(latents, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, n), nn.BatchNorm1d(n), nn.ReLU(),
        nn.Unflatten(1, (2 * f, side, side)), nn.ConvTranspose2d(2 * f, f, 4, 2, 1, bias=False), nn.BatchNorm2d(f), nn.ReLU(),
        nn.ConvTranspose2d(f, c, 4, 2, 1, bias=False), nn.Sigmoid()))


def info_discriminator(f=64, hidden=1024, side=7, c=1):
    """The trunk is D's and Q's, the head D's."""
    return named(trunk=nn.Sequential(
        nn.Conv2d(c, f, 4, 2, 1, bias=False), nn.LeakyReLU(0.1), nn.Conv2d(f, 2 * f, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * f),
        nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(2 * f * side * side, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.1)),
        head=nn.Linear(hidden, 1))


def info_recognition(hidden=1024, own=128, categories=10, codes=2):
    return named(main=nn.Sequential(nn.Linear(hidden, own), nn.BatchNorm1d(own), nn.LeakyReLU(0.1)),
                 category=nn.Linear(own, categories), mean=nn.Linear(own, codes))


# NADE, in the letters of arXiv:1605.02226, §2

class Nade(nn.Module):
    def __init__(self, d, hidden):
        super().__init__()
        self.W, self.c = nn.Parameter(torch.randn(hidden, d) * 0.05), nn.Parameter(torch.randn(hidden) * 0.05)
        self.V, self.b = nn.Parameter(torch.randn(d, hidden) * 0.05), nn.Parameter(torch.randn(d) * 0.05)

    def forward(self, x):
        """log p(x_d | x_<d) of bits, [B, D]."""
        a, all_logits = self.c.expand(len(x), -1), []
        for d in range(x.shape[1]):
            all_logits.append(torch.sigmoid(a) @ self.V[d] + self.b[d])
            a = a + x[:, d, None] * self.W[:, d]
        logits = torch.stack(all_logits, 1)
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")


# PixelCNN: table 1 and figure 5 (left) of arXiv:1601.06759

class MaskedConv2d(nn.Conv2d):
    """Sees the pixels before its own in raster order; with mask B its own as well."""
    def __init__(self, mask, n, m, size):
        super().__init__(n, m, size, padding=size // 2)
        visible = torch.zeros(size * size)
        visible[:size * size // 2 + (mask == "B")] = 1
        self.register_buffer("mask", visible.view(size, size), persistent=False)

    def forward(self, x):
        return self._conv_forward(x, self.weight * self.mask, self.bias)


class PixelBlock(nn.Module):
    def __init__(self, h):
        super().__init__()
        self.down, self.three, self.up = nn.Conv2d(2 * h, h, 1), MaskedConv2d("B", h, h, 3), nn.Conv2d(h, 2 * h, 1)

    def forward(self, x):
        return x + self.up(F.relu(self.three(F.relu(self.down(F.relu(x))))))


class PixelCnn(nn.Module):
    def __init__(self, h, blocks, head):
        super().__init__()
        self.first, self.layers = MaskedConv2d("A", 1, 2 * h, 7), nn.ModuleList(PixelBlock(h) for _ in range(blocks))
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(2 * h, head, 1), nn.ReLU(), nn.Conv2d(head, head, 1), nn.Conv2d(head, 1, 1))

    def forward(self, x):
        """log p of bits [B, 1, H, W], of each pixel."""
        y = self.first(2 * x - 1)
        for layer in self.layers:
            y = layer(y)
        return -F.binary_cross_entropy_with_logits(self.head(y), x, reduction="none")


# Progressive GAN: weights are N(0, 1), and scaled when they are used

class Scaled(nn.Module):
    """A convolution, or a dense layer of what is flattened, by `gain / sqrt(inputs of an output)`."""
    def __init__(self, *shape, padding=0, gain=math.sqrt(2)):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(shape)), nn.Parameter(torch.zeros(shape[0]))
        self.scale, self.padding = gain / math.sqrt(math.prod(shape[1:])), padding

    def forward(self, x):
        w = self.weight * self.scale
        return F.linear(x.flatten(1), w, self.bias) if w.dim() == 2 else F.conv2d(x, w, self.bias, padding=self.padding)


def pixel_norm(x):
    return x / torch.sqrt(x.square().mean(1, keepdim=True) + 1e-8)


class ProGenerator(nn.Module):
    """layer0, layer1 and output0 of 4x4, layer2, layer3 and output1 of 8x8, …; `maps` of each level."""
    def __init__(self, nz, maps, c):
        super().__init__()
        self.register_buffer("lod", torch.zeros(()))
        self.levels = len(maps)
        for n, m in enumerate(maps):
            first = Scaled(m, nz, 4, 4, padding=3) if n == 0 else Scaled(m, maps[n - 1], 3, 3, padding=1)
            self.add_module(f"layer{2 * n}", first)
            self.add_module(f"layer{2 * n + 1}", Scaled(m, m, 3, 3, padding=1))
            self.add_module(f"output{n}", Scaled(c, m, 1, 1, gain=1))

    def forward(self, z):
        x, image, shown = z[..., None, None], 0, self.levels - 1 - self.lod.item()
        for n in range(self.levels):
            x = pixel_norm(x)
            x = F.leaky_relu(self.get_submodule(f"layer{2 * n}")(x if n == 0 else F.interpolate(x, scale_factor=2)), 0.2)
            x = F.leaky_relu(self.get_submodule(f"layer{2 * n + 1}")(pixel_norm(x)), 0.2)
            share = max(0, 1 - abs(shown - n))
            own = self.get_submodule(f"output{n}")(pixel_norm(x)) * share
            image = own if n == 0 else F.interpolate(image, scale_factor=2) + own
        return image


class ProDiscriminator(nn.Module):
    """input0, layer0 and layer1 of the image's own size, input1, layer2 and layer3 of half of it, … and two dense layers. At the last level."""
    def __init__(self, maps, c, group=4):
        super().__init__()
        self.register_buffer("lod", torch.zeros(()))
        self.levels, self.group = len(maps), group
        for i, m in enumerate(reversed(maps)):
            n = self.levels - 1 - i
            self.add_module(f"input{i}", Scaled(m, c, 1, 1))
            self.add_module(f"layer{2 * i}", Scaled(m, m + (n == 0), 3, 3, padding=1))
            self.add_module(f"layer{2 * i + 1}", Scaled(m, 16 * m) if n == 0 else Scaled(maps[n - 1], m, 3, 3, padding=1))
        self.add_module(f"layer{2 * self.levels}", Scaled(1, maps[0], gain=1))

    def deviation(self, x):
        y = x.view(self.group, -1, *x.shape[1:])
        y = torch.sqrt((y - y.mean(0)).square().mean(0) + 1e-8).mean((1, 2, 3))
        return torch.cat([x, y.repeat(self.group)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)

    def forward(self, image):
        x = F.leaky_relu(self.input0(image), 0.2)
        for i in range(self.levels - 1):
            x = F.leaky_relu(self.get_submodule(f"layer{2 * i}")(x), 0.2)
            x = F.avg_pool2d(F.leaky_relu(self.get_submodule(f"layer{2 * i + 1}")(x), 0.2), 2)
        last = 2 * (self.levels - 1)
        x = F.leaky_relu(self.get_submodule(f"layer{last}")(self.deviation(x)), 0.2)
        x = F.leaky_relu(self.get_submodule(f"layer{last + 1}")(x), 0.2)
        return self.get_submodule(f"layer{last + 2}")(x)
