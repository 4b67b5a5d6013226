"""Ten training steps of a small InfoGAN (Chen et al. 2016): 8x8 pixels, one channel, f = 2, 6 hidden units, 5 of Q, 3 latents, 4 categories,
2 continuous codes, batch 6. D on real, D and Q on fake, update both; G through the updated D and Q, update G. Both losses are the
adversarial one (G's non-saturating) plus the cross-entropy of the category and, with weight 0.5, the negative log-likelihood of the
codes, whose deviation is exp(log 0.2 + softplus(v + log 4)), at least 0.2. Adam, betas (0.5, 0.999), 2e-4 for D and Q, 1e-3 for G.

initial/NAME      weights and buffers before the first step
images            [10, 6, 1, 8, 8], the real images of each step, in [-1, 1]
loss_d, loss_g, mi_category, mi_c1, mi_c2      [10] each; the last three are the bounds by Q before its update
gradient/NAME     of the first step
final/NAME        weights and buffers after the last step

Latents are what a device draws for seed 7: "z", "codes" (2 u - 1) and "category" (floor of 4 u).
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from _common import numbers, uniforms, write

STEPS, BATCH, SIZE, WIDTH, HIDDEN, HIDDEN_Q, Z, K, CODES, SEED = 10, 6, 8, 2, 6, 5, 3, 4, 2, 7
FLOOR, WEIGHT_OF_CODES = 0.2, 0.5
SMALL = (2 * WIDTH, SIZE // 4, SIZE // 4)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        n = math.prod(SMALL)
        self.main = nn.Sequential(
            nn.Linear(Z + K + CODES, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, n), nn.BatchNorm1d(n), nn.ReLU(), nn.Unflatten(1, SMALL),
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(),
            nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1, bias=False))

    def forward(self, latents):
        return 2 * torch.sigmoid(self.main(latents)) - 1


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.1),
            nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * WIDTH), nn.LeakyReLU(0.1),
            nn.Flatten(), nn.Linear(math.prod(SMALL), HIDDEN), nn.BatchNorm1d(HIDDEN), nn.LeakyReLU(0.1))
        self.head = nn.Linear(HIDDEN, 1)


class Recognition(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(nn.Linear(HIDDEN, HIDDEN_Q), nn.BatchNorm1d(HIDDEN_Q), nn.LeakyReLU(0.1))
        self.category, self.mean, self.deviation = (nn.Linear(HIDDEN_Q, n) for n in (K, CODES, CODES))

    def losses(self, shared, category, codes):
        """Negative log-likelihoods: of the category, and of each code."""
        h = self.main(shared)
        deviation = FLOOR * torch.exp(F.softplus(self.deviation(h) + math.log(1 / FLOOR - 1)))
        of_codes = -torch.distributions.Normal(self.mean(h), deviation).log_prob(codes).mean(0)
        return F.cross_entropy(self.category(h), category), of_codes


normal = numbers(13)
G, D, Q = Generator(), Discriminator(), Recognition()
NETS = {"generator": G, "discriminator": D, "recognition": Q}
for net in NETS.values():
    for name, p in net.named_parameters():
        if p.dim() == 1 and name.endswith("weight"):
            p.data = (1 + 0.1 * normal(*p.shape)).float().double()
        else:
            p.data = (0.3 * normal(*p.shape)).float().double()


def named(kind, tensors):
    """All networks' tensors under their full names."""
    all = [(f"{kind}/{name}.{k}", v) for name, net in NETS.items() for k, v in tensors(net)]
    return {k: v.detach().clone() for k, v in all if not k.endswith("num_batches_tracked")}


out = named("initial", lambda m: m.state_dict().items())
images = torch.tanh(normal(STEPS, BATCH, 1, SIZE, SIZE)).float().double()
adam = lambda lr, *nets: torch.optim.Adam([p for net in nets for p in net.parameters()], lr=lr, betas=(0.5, 0.999))
adam_d, adam_g = adam(2e-4, D, Q), adam(1e-3, G)
bce = F.binary_cross_entropy_with_logits
judge = lambda shared, target: bce(D.head(shared), torch.full((BATCH, 1), float(target)))
informed = lambda loss, nll: loss + nll[0] + WEIGHT_OF_CODES * nll[1].sum()
losses = {name: [] for name in ("loss_d", "loss_g", "mi_category", "mi_c1", "mi_c2")}
for step in range(STEPS):
    signed = lambda name, n: 2 * uniforms(name, (BATCH, n), step, SEED) - 1
    category = (K * uniforms("category", (BATCH,), step, SEED)).long()
    codes = signed("codes", CODES)
    fake = G(torch.cat([signed("z", Z), F.one_hot(category, K).double(), codes], 1))

    adam_d.zero_grad()
    on_real, shared = judge(D.trunk(images[step]), 1), D.trunk(fake.detach())
    loss_d, nll = on_real + judge(shared, 0), Q.losses(shared, category, codes)
    informed(loss_d, nll).backward()
    adam_d.step()
    gradients = {f"{name}.{k}": p.grad.clone() for name in ("discriminator", "recognition") for k, p in NETS[name].named_parameters()}

    adam_g.zero_grad()
    shared = D.trunk(fake)
    loss_g = judge(shared, 1)
    informed(loss_g, Q.losses(shared, category, codes)).backward()
    adam_g.step()
    if step == 0:
        gradients |= {f"generator.{k}": p.grad.clone() for k, p in G.named_parameters()}
        out |= {f"gradient/{k}": v for k, v in gradients.items()}
    bounds = [math.log(K) - nll[0].item(), *(math.log(2) - nll[1]).tolist()]
    for name, value in zip(losses, [loss_d.item(), loss_g.item(), *bounds]):
        losses[name].append(value)

out |= {name: torch.tensor(values) for name, values in losses.items()}
out["images"] = images
out |= named("final", lambda m: m.state_dict().items())
print(losses)
write(__file__, out)
