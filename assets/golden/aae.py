"""Ten training steps of a small semi-supervised adversarial auto-encoder (Makhzani et al. 2015): 4x3 pixels, 7 hidden units, 3 latents,
3 classes, batch 5, 4 known rows a step. The phases of a batch, in the paper's order: (1) encoder and decoder by half the squared distance;
(2) both discriminators, of z and of the category, then the encoder against the updated ones; (3) the encoder by cross-entropy of the known
rows. SGD: momentum 0.9 with learning rate 0.05 in (1), 0.1 with 0.1 in (2), 0.9 with 0.1 in (3). In (2) R1 with gamma 0.2 is added to the
loss of the discriminators, and gradients are clipped to norm 0.4.

initial/NAME              weights before the first step
x                         [10, 5, 1, 4, 3], the rows of each step, in [-1, 1]
known_x, known_labels     [10, 4, 1, 4, 3] and [10, 4]
reconstruction, loss_d, loss_g, classification      [10] each
gradient/OPTIMISER/NAME   of the first step, as clipped, for each of reconstruction, discriminator, generator, classification
final/NAME                weights after the last step

Noise is what a device draws for seed 7: "noise" and "known_noise" on rows (deviation 0.3), "prior.noise" for z, "category".
"""
import torch
import torch.nn.functional as F
from torch import nn

from _common import normals, numbers, uniforms, write

STEPS, BATCH, KNOWN, SIDES, HIDDEN, Z, CLASSES, SEED, NOISE = 10, 5, 4, (4, 3), 7, 3, 3, 7, 0.3
GAMMA, CLIP = 0.2, 0.4
PIXELS = SIDES[0] * SIDES[1]


class Net(nn.Module):
    """Two layers of rectified units, then linear outputs by name."""

    def __init__(self, n, **outputs):
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(n, HIDDEN), nn.Linear(HIDDEN, HIDDEN)])
        for name, m in outputs.items():
            self.add_module(name, nn.Linear(HIDDEN, m))
        self.outputs = list(outputs)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        all = [getattr(self, name)(x) for name in self.outputs]
        return all[0] if len(all) == 1 else all


normal = numbers(11)
nets = nn.ModuleDict({
    "encoder": Net(PIXELS, z=Z, y=CLASSES),
    "decoder": Net(Z + CLASSES, x=PIXELS),
    "discriminator": Net(Z, last=1),
    "discriminator_y": Net(CLASSES, last=1),
})
for p in nets.parameters():
    p.data = (0.5 * normal(*p.shape)).float().double()

out = {f"initial/{k}": v.clone() for k, v in nets.state_dict().items()}
x = torch.tanh(normal(STEPS, BATCH, 1, *SIDES)).float().double()
known_x = torch.tanh(normal(STEPS, KNOWN, 1, *SIDES)).float().double()
known_labels = torch.arange(STEPS * KNOWN).reshape(STEPS, KNOWN) * 2 % CLASSES
unit = lambda rows: rows.flatten(1) * 0.5 + 0.5
encoder, decoder, d_z, d_y = nets.values()
moved = {
    "reconstruction": (["encoder", "decoder"], 0.9, 0.05),
    "discriminator": (["discriminator", "discriminator_y"], 0.1, 0.1),
    "generator": (["encoder"], 0.1, 0.1),
    "classification": (["encoder"], 0.9, 0.1),
}


def parameters(which):
    """What an optimiser moves: the classification not the layer of z, on which its loss does not depend."""
    named = [(k, p) for k, p in nets.named_parameters() if k.split(".")[0] in moved[which][0]]
    return [(k, p) for k, p in named if which != "classification" or not k.startswith("encoder.z.")]


sgd = {which: torch.optim.SGD([p for _, p in parameters(which)], lr=lr, momentum=m) for which, (_, m, lr) in moved.items()}
losses = {name: [] for name in ("reconstruction", "loss_d", "loss_g", "classification")}
real, fake = lambda logits: F.softplus(-logits).mean(), lambda logits: F.softplus(logits).mean()


def r1(d, rows):
    rows = rows.clone().requires_grad_()
    gradient, = torch.autograd.grad(d(rows).sum(), rows, create_graph=True)
    return gradient.square().sum(1).mean()


def update(which, loss, step):
    nets.zero_grad()
    loss.backward(retain_graph=True)
    if which in ("discriminator", "generator"):
        norm = nn.utils.clip_grad_norm_([p for _, p in parameters(which)], CLIP)
        assert step > 0 or norm > CLIP, "the first step is to be clipped"
    if step == 0:
        out.update({f"gradient/{which}/{k}": p.grad.clone() for k, p in parameters(which)})
    sgd[which].step()


for step in range(STEPS):
    rows, known = unit(x[step]), unit(known_x[step])
    z, y = encoder(rows + NOISE * normals("noise", (BATCH, PIXELS), step, SEED))
    decoded = torch.sigmoid(decoder(torch.cat([z, y.softmax(1)], 1)))
    reconstruction = 0.5 * (decoded - rows).square().sum(1).mean()
    update("reconstruction", reconstruction, step)

    z, y = encoder(rows)
    prior = normals("prior.noise", (BATCH, Z), step, SEED)
    category = F.one_hot((uniforms("category", (BATCH,), step, SEED) * CLASSES).long(), CLASSES).double()
    loss_d = real(d_z(prior)) + fake(d_z(z.detach())) + real(d_y(category)) + fake(d_y(y.softmax(1).detach()))
    update("discriminator", loss_d + 0.5 * GAMMA * (r1(d_z, prior) + r1(d_y, category)), step)
    loss_g = real(d_z(z)) + real(d_y(y.softmax(1)))
    update("generator", loss_g, step)

    _, y = encoder(known + NOISE * normals("known_noise", (KNOWN, PIXELS), step, SEED))
    classification = F.cross_entropy(y, known_labels[step])
    update("classification", classification, step)
    for name, loss in zip(losses, (reconstruction, loss_d, loss_g, classification)):
        losses[name].append(loss.item())

out |= {k: torch.tensor(v) for k, v in losses.items()}
out |= dict(x=x, known_x=known_x, known_labels=known_labels)
out |= {f"final/{k}": v for k, v in nets.state_dict().items()}
print(losses)
write(__file__, out)
