"""A whole critic and its generator, by WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028) and by R1 (Mescheder et al. 2018,
arXiv:1801.04406, eq. 9), with the gradient of every weight.

Generator: pixel norm of z, linear to 6x4x4, leaky ReLU, pixel norm, nearest upsampling, conv 3x3, leaky ReLU, pixel norm, conv 1x1.
Critic: conv 3x3, instance norm, leaky ReLU, average pooling, minibatch deviation (groups of 2), conv 3x3, leaky ReLU, linear.
Losses: wasserstein = mean D(G(z)) - mean D(x); penalty = mean (|dD/dx^| - 1)^2 at x^ = alpha x + (1 - alpha) G(z); r1 = mean
|dD/dx|^2 at x. Gradients: d.NAME of wasserstein + 10 penalty + 0.5 r1 in the critic, g.NAME of -mean D(G(z)) in the generator.
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

B, LEAK = 4, 0.2
normal = numbers(11)


def weight(scale, *shape):
    return (scale * normal(*shape)).float().double().requires_grad_()


g = dict(g1=weight(0.3, 6 * 16, 5), g2=weight(0.2, 4, 6, 3, 3), g3=weight(0.5, 2, 4, 1, 1))
d = dict(d1=weight(0.3, 5, 2, 3, 3), d2=weight(0.2, 4, 6, 3, 3), d3=weight(0.2, 1, 4 * 16))
z, x = normal(B, 5), normal(B, 2, 8, 8)
alpha = torch.rand(B, generator=torch.Generator().manual_seed(12), dtype=torch.float32).double()


def pixel_norm(t):
    return t * torch.rsqrt(t.square().mean(1, keepdim=True) + 1e-8)


def generator(z):
    y = F.linear(pixel_norm(z), g["g1"]).reshape(B, 6, 4, 4)
    y = pixel_norm(F.leaky_relu(y, LEAK))
    y = F.interpolate(y, scale_factor=2, mode="nearest")
    y = pixel_norm(F.leaky_relu(F.conv2d(y, g["g2"], padding=1), LEAK))
    return F.conv2d(y, g["g3"])


def minibatch_deviation(t, group):
    b, c, h, w = t.shape
    y = t.reshape(group, b // group, c, h, w)
    deviation = ((y - y.mean(0, keepdim=True)).square().mean(0) + 1e-8).sqrt()
    maps = deviation.mean((1, 2, 3)).repeat(group).reshape(b, 1, 1, 1).expand(b, 1, h, w)
    return torch.cat([t, maps], 1)


def critic(t):
    y = F.leaky_relu(F.instance_norm(F.conv2d(t, d["d1"], padding=1), eps=1e-5), LEAK)
    y = minibatch_deviation(F.avg_pool2d(y, 2), 2)
    y = F.leaky_relu(F.conv2d(y, d["d2"], padding=1), LEAK)
    return F.linear(y.flatten(1), d["d3"]).flatten()


fake = generator(z)
wasserstein = critic(fake.detach()).mean() - critic(x).mean()
between = (alpha.reshape(B, 1, 1, 1) * x + (1 - alpha.reshape(B, 1, 1, 1)) * fake.detach()).requires_grad_()
(slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
penalty = ((slope.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()
real = x.clone().requires_grad_()
(slope,) = torch.autograd.grad(critic(real).sum(), real, create_graph=True)
r1 = slope.flatten(1).square().sum(1).mean()
of_critic = torch.autograd.grad(wasserstein + 10 * penalty + 0.5 * r1, list(d.values()))
loss_g = -critic(fake).mean()
of_generator = torch.autograd.grad(loss_g, list(g.values()))

write(__file__, dict(
    z=z, x=x, alpha=alpha, **g, **d, fake=fake, wasserstein=wasserstein, penalty=penalty, r1=r1, loss_g=loss_g,
    **{f"d.{name}": t for name, t in zip(d, of_critic)}, **{f"g.{name}": t for name, t in zip(g, of_generator)},
))
