"""Five steps of torch.optim.Adam, RMSprop and SGD with momentum on given gradients; some gradients are zero, some tiny.

w; g0..g4; for each optimiser, w0..w4 after each step and its moments after the last, under PyTorch's names.
"""
import torch

from _common import numbers, write

normal = numbers(4)
STEPS = 5
w0 = normal(3, 4)
gradients = []
for step in range(STEPS):
    g = normal(3, 4)
    g[0, 0] = 0.0
    g[0, 1] *= 1e-6
    g[0, 2] = g[0, 2] if step % 2 else 0.0
    gradients.append(g.float().double())

out = {"w": w0} | {f"g{i}": g for i, g in enumerate(gradients)}
OPTIMISERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=2e-4, betas=(0.5, 0.999)),
    "adam_defaults": lambda p: torch.optim.Adam(p, lr=1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, eps=1e-6),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}
for name, make in OPTIMISERS.items():
    w = torch.nn.Parameter(w0.clone())
    optimiser = make([w])
    for step, g in enumerate(gradients):
        w.grad = g.clone()
        optimiser.step()
        out[f"{name}/w{step}"] = w.detach().clone()
    moments = {k: v for k, v in optimiser.state[w].items() if k != "step" and torch.is_tensor(v)}
    out |= {f"{name}/{k}": v for k, v in moments.items()}

write(__file__, out)
