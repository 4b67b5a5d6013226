"""Ten training steps of a small DCGAN (Radford, Metz, Chintala 2016): 32x32 pixels, one channel, f = 4, batch 4, in the
order of pytorch/examples: D on real, D on fake, update D, G through the updated D, update G. Adam 2e-4, betas (0.5, 0.999).

initial/NAME      weights and buffers before the first step, under the names of the two nn.Sequential modules
images            [10, 4, 1, 32, 32], the real images of each step, in [-1, 1]
z                 [10, 4, 100]: what the device's generator gives for seed 7, stream "z", steps 0 to 9
loss_d, loss_g    [10]
gradient/NAME     of the first step
final/NAME        weights and buffers after the last step
"""
import torch
import torch.nn.functional as F
from torch import nn

from _common import normals, numbers, write

STEPS, BATCH, SIZE, WIDTH, LATENTS, SEED = 10, 4, 32, 4, 100, 7


def generator(f):
    layers = [nn.ConvTranspose2d(LATENTS, 4 * f, 4, 1, 0, bias=False), nn.BatchNorm2d(4 * f), nn.ReLU()]
    for c in (4 * f, 2 * f):
        layers += [nn.ConvTranspose2d(c, c // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(c // 2), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(f, 1, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(f):
    layers = [nn.Conv2d(1, f, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for c in (f, 2 * f):
        layers += [nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * c), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(4 * f, 1, 4, 1, 0, bias=False), nn.Flatten(0))


normal = numbers(6)
G, D = generator(WIDTH), discriminator(WIDTH)
for name, p in [*G.named_parameters(), *D.named_parameters()]:
    if p.dim() == 4:
        p.data = (0.1 * normal(*p.shape)).float().double()  # 0.02 would leave ten steps almost without change
    elif name.endswith("weight"):
        p.data = (1 + 0.02 * normal(*p.shape)).float().double()


def named(kind, tensors):
    """Both networks' tensors under their full names."""
    both = [(f"{kind}/generator.main.{k}", v) for k, v in tensors(G)] + [(f"{kind}/discriminator.main.{k}", v) for k, v in tensors(D)]
    return {k: v.detach().clone() for k, v in both if not k.endswith("num_batches_tracked")}


out = named("initial", lambda m: m.state_dict().items())
images = torch.tanh(normal(STEPS, BATCH, 1, SIZE, SIZE)).float().double()
z = torch.stack([normals("z", (BATCH, LATENTS), step, SEED) for step in range(STEPS)])
adam = lambda m: torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999))
adam_g, adam_d = adam(G), adam(D)
bce = F.binary_cross_entropy_with_logits
one, zero = torch.ones(BATCH), torch.zeros(BATCH)
losses_d, losses_g = [], []
for step in range(STEPS):
    adam_d.zero_grad()
    fake = G(z[step].reshape(BATCH, LATENTS, 1, 1))
    loss_d = bce(D(images[step]), one) + bce(D(fake.detach()), zero)
    loss_d.backward()
    adam_d.step()
    gradients_d = {k: p.grad.clone() for k, p in D.named_parameters()}
    adam_g.zero_grad()
    loss_g = bce(D(fake), one)
    loss_g.backward()
    adam_g.step()
    losses_d.append(loss_d.item())
    losses_g.append(loss_g.item())
    if step == 0:
        out |= named("gradient", lambda m: [(k, p.grad) for k, p in G.named_parameters()] if m is G else gradients_d.items())

out |= dict(images=images, z=z, loss_d=torch.tensor(losses_d), loss_g=torch.tensor(losses_g))
out |= named("final", lambda m: m.state_dict().items())
print("loss_d", losses_d, "\nloss_g", losses_g)
write(__file__, out)
