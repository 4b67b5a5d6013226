"""Weights by the names of the public PyTorch code of CycleGAN (github.com/junyanz/pytorch-CycleGAN-and-pix2pix) and StarGAN
(github.com/yunjey/stargan) go into runs of calotype and back, and both make the same images.

    cargo build --release && venv/bin/python assets/golden/_public_weights.py target/release/calotype

Networks are built here as that code builds them, with its keys, and given random weights. Their state dicts, saved as safetensors, begin a
run (`train --init`); what the run's checkpoint holds is loaded with `load_state_dict(strict=True)` and equals what was given; `translate`
makes of a picture what PyTorch makes of it, within a level of 256. It writes nothing but a temporary folder.
"""
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

CALOTYPE = os.path.abspath(sys.argv[1])
torch.manual_seed(0)


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
    net = nn.Module()
    net.model = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(f, 3, 7), nn.Tanh())
    return net


def patch_discriminator(f):
    layers, c = [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.2, True)], f
    for stride in (2, 2, 1):
        layers += [nn.Conv2d(c, 2 * c, 4, stride, 1), nn.InstanceNorm2d(2 * c), nn.LeakyReLU(0.2, True)]
        c *= 2
    net = nn.Module()
    net.model = nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 1))
    return net


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
    net = nn.Module()
    net.main = nn.Sequential(*layers, nn.Conv2d(f, 3, 7, 1, 3, bias=False), nn.Tanh())
    return net


def star_discriminator(size, f, c_dim):
    n, layers = int(math.log2(size)) - 1, [nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.01)]
    for _ in range(1, n):
        layers += [nn.Conv2d(f, 2 * f, 4, 2, 1), nn.LeakyReLU(0.01)]
        f *= 2
    net = nn.Module()
    net.main = nn.Sequential(*layers)
    net.conv1 = nn.Conv2d(f, 1, 3, 1, 1, bias=False)
    net.conv2 = nn.Conv2d(f, c_dim, size >> n, bias=False)
    return net


def calotype(*args):
    done = subprocess.run([CALOTYPE, *args], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"calotype {' '.join(args)}\n{done.stderr}")


def exchange(model, nets, more):
    """A run that begins with the weights of `nets`, and what its checkpoint gives back."""
    init = []
    for name, net in nets.items():
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, f"{name}.safetensors")
        init += ["--init", f"{name}={name}.safetensors"]
    # Nothing is learned.
    calotype("train", model, "--device", "cpu", "--steps", "1", "--set", "lr=0", "--out", model, *init, *more)
    checkpoint = load_file(f"{model}/checkpoints/step-0000001.safetensors")
    for name, net in nets.items():
        given = net.state_dict()
        back = {k.removeprefix(name + "."): v for k, v in checkpoint.items() if k.startswith(name + ".")}
        # Running statistics are the one thing that does not come back; their fresh values are right.
        back |= {k: v for k, v in given.items() if "running_" in k or "num_batches" in k}
        net.load_state_dict(back, strict=True)
        assert all(torch.equal(v, given[k]) for k, v in back.items()), name
    print(f"{model}: {', '.join(nets)} there and back, {sum(p.numel() for n in nets.values() for p in n.parameters()):,} numbers")


def same(model, to, made):
    """That `translate` makes what PyTorch made, [1, 3, H, W] of -1 to 1."""
    calotype("translate", model, "picture.png", "--to", to, "--out", f"out-{model}", "--device", "cpu")
    got = np.asarray(Image.open(f"out-{model}/picture.png"), dtype=float)
    want = ((made[0].detach().permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255).clip(0, 255)
    worst = np.abs(got - want).max()
    assert got.shape == want.shape and worst < 1.0, (got.shape, want.shape, worst)
    print(f"{model}: the same picture to `{to}`, within {worst:.2f} levels")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("picture.png")
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1

    width, blocks = 16, 6
    nets = {"netG_A": resnet_generator(width, blocks), "netG_B": resnet_generator(width, blocks),
            "netD_A": patch_discriminator(width), "netD_B": patch_discriminator(width)}
    exchange("cyclegan", nets, ["--set", f"width={width}", "--set", f"width_d={width}", "--set", f"blocks={blocks}"])
    same("cyclegan", "B", nets["netG_A"].model(x))
    same("cyclegan", "A", nets["netG_B"].model(x))

    c, size = 6, 64
    nets = {"generator": star_generator(width, c, blocks), "discriminator": star_discriminator(size, width, c)}
    exchange("stargan", nets, ["--batch", "4", "--set", f"width={width}", "--set", f"width_d={width}", "--set", f"blocks={blocks}"])
    domain = torch.zeros(1, c, *x.shape[2:])
    domain[:, 5] = 1
    same("stargan", "dark", nets["generator"].main(torch.cat([x, domain], 1)))
