"""PixelCNN, Row LSTM and Diagonal BiLSTM (van den Oord et al. 2016): conditionals, mean nats, and every gradient.

Written from the paper with PyTorch's own convolutions: K_ss as conv1d in a loop over rows, or over the columns of the skewed
image. Gates are [o | f | i | g]. Weights have PyTorch's names and layouts; masked weights are given, too, and have no effect.

KIND is bits (one logit a value), levels (three, softmax) or colours (RGB of three levels each).

MODEL/KIND/x             levels [B, H, W, C]
MODEL/KIND/conditionals  logits [B, H·W·C, K]
MODEL/KIND/nats          mean over the images of -log p(x)
MODEL/KIND/weight/NAME
MODEL/KIND/gradient/NAME of nats
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

B, H, W, LAYERS, WIDTH, HEAD = 2, 5, 6, 2, 7, 8
KINDS = {"bits": (1, 2), "levels": (1, 3), "colours": (3, 3)}
normal = numbers(11)
out = {}


def colour(k, n, colours):
    """The colour of map k of n."""
    return colours * k // n


def sees(n_out, n_in, colours, strictly=False):
    """[n_out, n_in]: 1 where an output sees an input by colour: B, or A where strictly."""
    i = torch.tensor([colour(k, n_in, colours) for k in range(n_in)])
    o = torch.tensor([colour(k, n_out, colours) for k in range(n_out)])[:, None]
    return (i < o if strictly else i <= o).double()


class Model:
    def __init__(self, kind):
        self.colours, self.levels = KINDS[kind]
        self.weights = {}

    def get(self, name, *shape):
        if name not in self.weights:
            fan_in = max(torch.Size(shape[1:]).numel(), 1)
            scale = 0.3 if len(shape) == 1 else (2 / fan_in) ** 0.5
            self.weights[name] = (scale * normal(*shape)).float().double().requires_grad_()
        return self.weights[name]

    def conv(self, name, x, m, size, mask, **how):
        w = self.get(f"{name}.weight", m, x.shape[1], *size)
        return F.conv2d(x, w * mask, self.get(f"{name}.bias", m), **how)

    def one(self, name, x, m):
        return self.conv(name, x, m, (1, 1), sees(m, x.shape[1], self.colours)[:, :, None, None])

    def raster(self, centre, kh, kw):
        """A mask: all before the centre, what `centre` [m, n] says there, nothing after."""
        mask = torch.zeros(*centre.shape, kh, kw)
        mask[:, :, : kh // 2] = 1
        mask[:, :, kh // 2, : kw // 2] = 1
        mask[:, :, kh // 2, kw // 2] = centre
        return mask

    def gates(self, n_in):
        return sees(WIDTH, n_in, self.colours).repeat(4, 1)  # within each of o, f, i, g

    def cell(self, gates, c):
        o, f, i, g = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def pixelcnn(self, n, y):
        a = self.one(f"{n}.down", F.relu(y), WIDTH)
        mask = self.raster(sees(WIDTH, WIDTH, self.colours), 3, 3)
        a = self.conv(f"{n}.three", F.relu(a), WIDTH, (3, 3), mask, padding=1)
        return y + self.one(f"{n}.up", F.relu(a), 2 * WIDTH)

    def row_lstm(self, n, y):
        mask = self.raster(self.gates(2 * WIDTH), 1, 3)
        gates = self.conv(f"{n}.k_is", y, 4 * WIDTH, (1, 3), mask, padding=(0, 1))
        k_ss = self.get(f"{n}.k_ss.weight", 4 * WIDTH, WIDTH, 1, 3)[:, :, 0]
        h = c = torch.zeros(B, WIDTH, W)
        rows = []
        for i in range(H):
            h, c = self.cell(gates[:, :, i] + F.conv1d(h, k_ss, padding=1), c)
            rows.append(h)
        return y + self.one(f"{n}.up", torch.stack(rows, 2), 2 * WIDTH)

    def one_way(self, n, direction, y):
        """From left to right over y [B, 2h, H, W], skewed: row i starts i columns later."""
        mask = self.gates(2 * WIDTH)[:, :, None, None]
        gates = self.conv(f"{n}.k_is.{direction}", y, 4 * WIDTH, (1, 1), mask)
        k_ss = self.get(f"{n}.k_ss.{direction}.weight", 4 * WIDTH, WIDTH, 2, 1)[:, :, :, 0]
        skewed = torch.stack([F.pad(gates[:, :, i], (i, H - 1 - i)) for i in range(H)], 2)
        h = c = torch.zeros(B, WIDTH, H)
        columns = []
        for t in range(W + H - 1):
            h, c = self.cell(skewed[:, :, :, t] + F.conv1d(F.pad(h, (1, 0)), k_ss), c)
            inside = torch.tensor([float(i <= t < i + W) for i in range(H)])
            h, c = h * inside, c * inside
            columns.append(h)
        states = torch.stack(columns, 3)
        return torch.stack([states[:, :, i, i : i + W] for i in range(H)], 2)

    def diagonal_bilstm(self, n, y):
        left, right = self.one_way(n, 0, y), self.one_way(n, 1, y.flip(3)).flip(3)
        right = F.pad(right, (0, 0, 1, 0))[:, :, :-1]
        return y + self.one(f"{n}.up", left + right, 2 * WIDTH)

    def conditionals(self, layer, x):
        x = (2 * x / (self.levels - 1) - 1).permute(0, 3, 1, 2)
        mask = self.raster(sees(2 * WIDTH, self.colours, self.colours, strictly=True), 7, 7)
        y = self.conv("first", x, 2 * WIDTH, (7, 7), mask, padding=3)
        for n in range(LAYERS):
            y = layer(self, f"layers.{n}", y)
        y = self.one("head.1", F.relu(y), HEAD)
        y = self.one("head.3", F.relu(y), HEAD)
        k = 1 if self.levels == 2 else self.levels
        y = self.one("head.4", y, self.colours * k)  # a colour's k together
        return y.permute(0, 2, 3, 1).reshape(B, H * W * self.colours, k)


def record(name, kind, layer):
    m = Model(kind)
    x = torch.floor(torch.special.ndtr(normal(B, H, W, m.colours)) * m.levels)
    y = m.conditionals(layer, x)
    flat = x.reshape(B, -1)
    if m.levels == 2:
        nats = F.binary_cross_entropy_with_logits(y[..., 0], flat, reduction="sum") / B
    else:
        nats = F.cross_entropy(y.reshape(-1, m.levels), flat.reshape(-1).long(), reduction="sum") / B
    gradients = torch.autograd.grad(nats, list(m.weights.values()))
    case = dict(x=x, conditionals=y, nats=nats)
    case |= {f"weight/{k}": w for k, w in m.weights.items()}
    case |= {f"gradient/{k}": g for k, g in zip(m.weights, gradients)}
    out.update({f"{name}/{kind}/{k}": v for k, v in case.items()})


for kind in KINDS:
    record("pixelcnn", kind, Model.pixelcnn)
    record("row-lstm", kind, Model.row_lstm)
    record("diagonal-bilstm", kind, Model.diagonal_bilstm)

write(__file__, out)
