"""A small network with what Inception and its kin are made of, as torch.onnx writes it, and its features of random images.

    pip install torch onnx onnxscript safetensors
    python _onnx_features.py

Writes onnx_features.onnx and onnx_features.safetensors beside it.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(7)


class Branches(nn.Module):
    """An Inception block: 1x1, 5x5, 1x7 and 7x1, and a pooling, side by side."""

    def __init__(self, c):
        super().__init__()
        self.one = nn.Conv2d(c, 6, 1)
        self.five = nn.Sequential(nn.Conv2d(c, 4, 1), nn.ReLU(), nn.Conv2d(4, 6, 5, padding=2))
        self.seven = nn.Sequential(nn.Conv2d(c, 4, (1, 7), padding=(0, 3)), nn.Hardswish(), nn.Conv2d(4, 6, (7, 1), padding=(3, 0)))
        self.pool = nn.Conv2d(c, 6, 1)

    def forward(self, x):
        pooled = nn.functional.avg_pool2d(x, 3, stride=1, padding=1)
        counted = nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        return torch.cat([self.one(x), self.five(x), self.seven(x), self.pool(pooled), counted], 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU())
        self.branches = Branches(8)
        self.grouped = nn.Conv2d(32, 32, 3, stride=2, padding=1, groups=4)
        self.norm = nn.BatchNorm2d(32)
        self.out = nn.Linear(32 * 4, 24)

    def forward(self, x):
        x = 2 * x - 1
        x = nn.functional.max_pool2d(self.stem(x), 3, stride=2, ceil_mode=True)
        x = self.branches(x)
        x = nn.functional.leaky_relu(self.norm(self.grouped(x)), 0.1)
        x = nn.functional.pad(x, (0, 1, 1, 0)).clamp(-1.5, 2.5)
        a, b = x.split([16, 16], dim=1)
        x = torch.cat([a * torch.sigmoid(b), b.abs().sqrt()], 1)
        x = nn.functional.avg_pool2d(x[:, :, :4, :4], 2)
        return self.out(x.flatten(1)).view(x.size(0), -1)


net = Net().eval()
with torch.no_grad():
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.uniform_(-0.3, 0.3)
            m.running_var.uniform_(0.5, 1.5)
            m.weight.uniform_(0.5, 1.5)
            m.bias.uniform_(-0.3, 0.3)
    x = torch.rand(5, 3, 30, 34)
    features = net(x)
folder = pathlib.Path(__file__).parent
path = folder / "onnx_features.onnx"
torch.onnx.export(net, (x,), path, opset_version=17, input_names=["images"], dynamic_axes={"images": {0: "batch"}}, dynamo=False)
save_file({"x": x.permute(0, 2, 3, 1).contiguous(), "features": features}, folder / "onnx_features.safetensors")
print(path.stat().st_size, "bytes,", sorted({n.op_type for n in __import__("onnx").load(path).graph.node}))
