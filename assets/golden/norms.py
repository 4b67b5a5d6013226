"""Normalisations within one example, with gradients, and a gradient of a gradient through each, as WGAN-GP needs.

CASE/: x ([B, C, H, W]; [B, n] for layer), scale, shift where it has them; y, dy, dx, dscale, dshift. second: the derivative
by x of Σ (∂Σ(y dy)/∂x)². instance: F.instance_norm; layer: F.layer_norm over the last axis; pixel: Karras et al. 2017,
arXiv:1710.10196, §4.2.
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(7)
out = {}


def keep(name, f, **leaves):
    leaves = {k: v.clone().requires_grad_() for k, v in leaves.items()}
    y = f(**leaves)
    dy = normal(*y.shape)
    gradients = torch.autograd.grad(y, list(leaves.values()), dy, create_graph=True)
    (second,) = torch.autograd.grad(gradients[0].square().sum(), leaves["x"])
    tensors = dict(y=y, dy=dy, second=second) | leaves | {f"d{k}": g for k, g in zip(leaves, gradients)}
    out.update({f"{name}/{k}": v for k, v in tensors.items()})


def instance(x, scale=None, shift=None):
    return F.instance_norm(x, weight=scale, bias=shift, eps=1e-5)


def layer(x, scale=None, shift=None):
    return F.layer_norm(x, x.shape[-1:], scale, shift, eps=1e-5)


def pixel(x):
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


keep("instance", instance, x=3 * normal(2, 4, 5, 6) + 2)
keep("instance, affine", instance, x=normal(3, 5, 4, 4), scale=normal(5), shift=normal(5))
keep("layer", layer, x=normal(4, 9))
keep("layer, affine", layer, x=normal(3, 33) - 1, scale=normal(33), shift=normal(33))
keep("pixel", pixel, x=normal(2, 8, 3, 4))

write(__file__, out)
