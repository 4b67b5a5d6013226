"""Four steps of a small GAN-CLS with GAN-INT (Reed et al. 2016, arXiv:1605.05396): two of the encoders (arXiv:1605.05395), two of generator
and discriminator. 32x32 pixels, 2 filters next to the image and in D's first layer, batch 4, captions of 72 characters, embeddings of 5
numbers. Adam at 1e-3: (0.9, 0.999) for the encoders, (0.5, 0.999) for the others.

initial/NAME    weights before the first step
x               [4, 4, 3, 32, 32], the rows of each step, in [-1, 1];  text, wrong  [4, 4, 72], characters of 70, or 70 for none
meaning         [4, 4], what each row says
loss_e, retrieval   [2], of the encoders' steps;  loss_d, loss_g  [2], of the others
gradient/NAME   of the first update of each weight: of step 0 for the encoders, of step 2 for G and D
final/NAME      weights and running statistics after the last step

z [6, 3] is what a device draws for seed 7: "z". A bias ahead of batch norm has no gradient but rounding, of which Adam makes steps.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from _common import normals, numbers, write

BATCH, SIZE, FILTERS, LENGTH, EMBEDDING, PROJECTION, LATENTS, WIDTH, SEED = 4, 32, 2, 72, 5, 3, 3, 4, 7
STAGES = int(math.log2(SIZE // 8))
normal = numbers(41)


def leaky(x):
    return F.leaky_relu(x, 0.2)


def layers(make, numbers):
    return nn.ModuleDict({str(n): make(n) for n in numbers})


class Residual(nn.Module):
    def __init__(self, c, act):
        super().__init__()
        q, self.act = c // 4, act
        shapes = [(c, q, 1, 0), (q, q, 3, 1), (q, c, 3, 1)]
        self.conv = nn.ModuleDict({str(n): nn.Conv2d(i, o, k, 1, p) for n, (i, o, k, p) in enumerate(shapes)})
        self.norm = nn.ModuleDict({str(n): nn.BatchNorm2d(o) for n, (_, o, _, _) in enumerate(shapes)})

    def forward(self, x):
        y = self.act(self.norm["0"](self.conv["0"](x)))
        y = self.act(self.norm["1"](self.conv["1"](y)))
        return x + self.norm["2"](self.conv["2"](y))


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        w = WIDTH
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(70, 3 * w // 2, (1, 4)), nn.Conv2d(3 * w // 2, 2 * w, (1, 4)), nn.Conv2d(2 * w, w, (1, 4))
        self.lstm, self.out = nn.LSTM(w, w), nn.Linear(w, EMBEDDING)

    def forward(self, text):
        x = F.one_hot(text, 71)[..., :70].double().permute(0, 2, 1)[:, :, None]  # [B, 70, 1, L]
        x = F.max_pool2d(F.relu(self.conv1(x)), (1, 3))
        x = F.max_pool2d(F.relu(self.conv2(x)), (1, 3))
        x = F.relu(self.conv3(x))[:, :, 0].permute(2, 0, 1)  # [T, B, w]
        assert x.shape[0] == 3
        return self.out(self.lstm(x)[0].mean(0))


class Halvings(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = layers(lambda n: nn.Conv2d(3 if n == 0 else FILTERS << (n - 1), FILTERS << n, 4, 2, 1), range(STAGES + 1))
        self.norm = layers(lambda n: nn.BatchNorm2d(FILTERS << n), range(1, STAGES + 1))

    def halvings(self, x):
        x = self.conv["0"](x)
        for n in range(1, STAGES + 1):
            x = self.norm[str(n)](self.conv[str(n)](leaky(x)))
        return x


class ImageEncoder(Halvings):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(16 * (FILTERS << STAGES), EMBEDDING)

    def forward(self, x):
        return self.out(leaky(self.halvings(x)).flatten(1))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        f = FILTERS << STAGES
        self.text = nn.Linear(EMBEDDING, PROJECTION)
        first = nn.ConvTranspose2d(LATENTS + PROJECTION, f, 4)
        up = lambda n: first if n == 0 else nn.ConvTranspose2d(f >> (n - 1), f >> n if n <= STAGES else 3, 4, 2, 1)
        self.up = layers(up, range(STAGES + 2))
        self.norm = layers(lambda n: nn.BatchNorm2d(f >> n), range(STAGES + 1))
        self.block = layers(lambda n: Residual(f >> n, F.relu), range(2))

    def forward(self, embedding, z):
        x = torch.cat([z, leaky(self.text(embedding))], 1)[:, :, None, None]
        for n in range(STAGES + 1):
            x = self.norm[str(n)](self.up[str(n)](x))
            x = F.relu(self.block[str(n)](x) if n < 2 else x)
        return torch.tanh(self.up[str(STAGES + 1)](x))


class Discriminator(Halvings):
    def __init__(self):
        super().__init__()
        c = FILTERS << STAGES
        self.block = Residual(c, leaky)
        self.text, self.text_norm = nn.Linear(EMBEDDING, PROJECTION), nn.BatchNorm1d(PROJECTION)
        self.joint, self.joint_norm, self.score = nn.Conv2d(c + PROJECTION, c, 1), nn.BatchNorm2d(c), nn.Conv2d(c, 1, 4)

    def seen(self, x):
        return leaky(self.block(self.halvings(x)))

    def told(self, embedding):
        return leaky(self.text_norm(self.text(embedding)))

    def judged(self, seen, told):
        x = torch.cat([seen, told[:, :, None, None].expand(-1, -1, 4, 4)], 1)
        return self.score(leaky(self.joint_norm(self.joint(x)))).flatten()


def begin(net):
    """Weights that keep the size of what passes; norms and biases that are seen in every formula."""
    for name, p in net.named_parameters():
        if p.dim() > 1:
            value = normal(*p.shape) * math.sqrt(2 / p[0].numel())
        else:
            value = 0.2 * normal(*p.shape) + (1 if "norm" in name and "weight" in name else 0)
        p.data = value.float().double()


nets = dict(text_encoder=TextEncoder(), image_encoder=ImageEncoder(), generator=Generator(), discriminator=Discriminator())
T, V, G, D = nets.values()
for net in nets.values():
    begin(net)
# Scores that leave some pairs without a loss: where all have one, the gradients of the last biases cancel.
for net in (T, V):
    net.out.weight.data *= 4


def named(*names):
    return {f"{n}.{k}": p for n in names for k, p in nets[n].named_parameters()}


initial = {k: p.detach().clone() for k, p in named(*nets).items()}
x = torch.stack([torch.tanh(normal(BATCH, 3, SIZE, SIZE)).float().double() for _ in range(4)])
characters = torch.Generator().manual_seed(42)


def captions():
    """Of 30 to 72 characters, and nothing behind their ends."""
    text = torch.randint(0, 70, (4, BATCH, LENGTH), generator=characters)
    ends = torch.randint(30, LENGTH + 1, (4, BATCH, 1), generator=characters)
    return torch.where(torch.arange(LENGTH) < ends, text, 70)


text, wrong = captions(), captions()
meaning = torch.tensor([[0, 1, 0, 3], [0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]])
adam = lambda beta1, *of: torch.optim.Adam([p for net in of for p in net.parameters()], lr=1e-3, betas=(beta1, 0.999), eps=1e-8)
opt_e, opt_g, opt_d = adam(0.9, T, V), adam(0.5, G), adam(0.5, D)
losses = {k: [] for k in ("loss_e", "retrieval", "loss_d", "loss_g")}
gradients = {}


def keep(**values):
    for name, value in values.items():
        losses[name].append(value.detach())


def update(opt, loss, names):
    opt.zero_grad()
    loss.backward()
    for k, p in named(*names).items():
        gradients.setdefault(k, p.grad.clone())
    opt.step()


for step in range(2):
    v, t, m = V(x[step]), T(text[step]), meaning[step]
    scores = v @ t.T
    own = scores.diagonal()
    differ = (m[:, None] != m[None]).double()
    hinges = F.relu(1 + scores - own[:, None]) + F.relu(1 + scores - own[None])
    loss = (hinges * differ).sum() / differ.sum()
    best = scores.argmax(0)
    keep(loss_e=loss, retrieval=(m[best] == m).double().mean())
    update(opt_e, loss, ["text_encoder", "image_encoder"])

for step in range(2, 4):
    with torch.no_grad():
        right, other = T(text[step]), T(wrong[step])
    wanted = torch.cat([right, 0.5 * (right[: BATCH // 2] + other[: BATCH // 2])])
    fake = G(wanted, normals("z", (len(wanted), LATENTS), step, SEED))
    seen, told = D.seen(x[step]), D.told(right)
    real = D.judged(seen, told)
    mismatched = D.judged(seen, D.told(other))
    made = D.judged(D.seen(fake[:BATCH].detach()), told)
    bce = lambda logits, target: F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
    loss_d = bce(real, 1.0) + 0.5 * (bce(mismatched, 0.0) + bce(made, 0.0))
    update(opt_d, loss_d, ["discriminator"])
    loss_g = bce(D.judged(D.seen(fake), D.told(wanted)), 1.0)
    update(opt_g, loss_g, ["generator"])
    keep(loss_d=loss_d, loss_g=loss_g)

statistics = {f"{n}.{k}": b for n, net in nets.items() for k, b in net.named_buffers() if "num_batches" not in k}
write(__file__, dict(
    x=x, text=text, wrong=wrong, meaning=meaning, **{k: torch.stack(v) for k, v in losses.items()},
    **{f"initial/{k}": v for k, v in initial.items()}, **{f"gradient/{k}": v for k, v in gradients.items()},
    **{f"final/{k}": v for k, v in (named(*nets) | statistics).items()},
))
for name, values in losses.items():
    print(name, [round(v.item(), 4) for v in values])
