"""LSTM scans with every gradient. Gates are in this project's order [o | f | i | g], weights [taps, H, 4H], time first.

`one tap …`: torch.nn.LSTM, its [i | f | g | o] permuted, initial state given; from the last step to the first by turning
the sequence round. `three taps`: a loop of torch.nn.functional.conv1d over positions, padded by (1, 1). `two taps`: the
same, padded by (1, 0), on the skewed gates of the paper's Diagonal LSTM (position p moved p steps later), taken apart again. For each case x [T, B, P, 4H] (input part of the gates), w, h0, c0 [B, P, H], h [T, B, P, H], dh, and dx, dw, dh0,
dc0; and c, the last step's cells.
"""
import torch
from torch import nn
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(6)
out = {}


def ours(t, axis):
    """[i | f | g | o], PyTorch's order, to [o | f | i | g]."""
    i, f, g, o = t.chunk(4, axis)
    return torch.cat([o, f, i, g], axis)


def record(name, given, h, c):
    dh = normal(*h.shape)
    gradients = torch.autograd.grad((h * dh).sum(), list(given.values()))
    case = given | dict(h=h, c=c, dh=dh) | {f"d{k}": g for k, g in zip(given, gradients)}
    out.update({f"{name}/{k}": v for k, v in case.items()})


def sequence(name, T, B, H, reverse):
    # An identity input projection: x is the input part itself, in PyTorch's order.
    lstm = nn.LSTM(4 * H, H, bias=False)
    weights = (normal(4 * H, H) / H**0.5).float().double().requires_grad_()
    x = normal(T, B, 4 * H).requires_grad_()
    h0, c0 = normal(B, H).requires_grad_(), normal(B, H).requires_grad_()
    turned = x.flip(0) if reverse else x
    values = {"weight_ih_l0": torch.eye(4 * H), "weight_hh_l0": weights}
    h, (_, c) = torch.func.functional_call(lstm, values, (turned, (h0[None], c0[None])))
    h = h.flip(0) if reverse else h
    dh = normal(T, B, H)
    dx, dw, dh0, dc0 = torch.autograd.grad((h * dh).sum(), [x, weights, h0, c0])
    place = lambda t: t[:, None] if t.ndim == 2 else t[:, :, None]  # one position
    case = dict(x=place(ours(x, 2)), dx=place(ours(dx, 2)), w=ours(weights, 0).t()[None], dw=ours(dw, 0).t()[None])
    case |= dict(h0=place(h0), c0=place(c0), h=place(h), c=place(c[0]), dh=place(dh), dh0=place(dh0), dc0=place(dc0))
    out.update({f"{name}/{k}": v for k, v in case.items()})


def positions(name, T, B, P, H, taps, reverse):
    given = dict(x=normal(T, B, P, 4 * H), w=(normal(taps, H, 4 * H) / (taps * H) ** 0.5).float().double())
    given |= dict(h0=normal(B, P, H), c0=normal(B, P, H))
    given = {k: v.requires_grad_() for k, v in given.items()}
    kernel = given["w"].permute(2, 1, 0)  # [4H, H, taps]
    x = given["x"].flip(0) if reverse else given["x"]
    late = 1 if taps == 2 else 0  # steps that each position is later than the one ahead
    waves = T + late * (P - 1)
    skewed = torch.stack([F.pad(x[:, :, p], (0, 0, 0, 0, late * p, waves - T - late * p)) for p in range(P)], 2)
    h, c, states = given["h0"], given["c0"], []
    for t in range(waves):
        seen = F.pad(h.transpose(1, 2), {2: (1, 0), 3: (1, 1)}[taps])
        o, f, i, g = (skewed[t] + F.conv1d(seen, kernel).transpose(1, 2)).chunk(4, 2)
        # Outside the image a state stays what it is.
        inside = torch.tensor([late * p <= t < late * p + T for p in range(P)])[:, None]
        c = torch.where(inside, torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g), c)
        h = torch.where(inside, torch.sigmoid(o) * torch.tanh(c), h)
        states.append(h)
    h = torch.stack([torch.stack(states)[late * p : late * p + T, :, p] for p in range(P)], 2)
    record(name, given, h.flip(0) if reverse else h, c)


sequence("one tap", 5, 3, 4, False)
sequence("one tap, reverse", 4, 2, 5, True)
positions("two taps", 5, 2, 4, 3, 2, False)
positions("two taps, reverse", 3, 2, 4, 3, 2, True)
positions("three taps", 4, 2, 5, 4, 3, False)
positions("three taps, reverse", 3, 1, 5, 3, 3, True)

write(__file__, out)
