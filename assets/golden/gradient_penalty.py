"""The gradient of a gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3): a critic of two convolutions with
leaky ReLU and a linear layer; mean of (|dD/dx| - 1)^2 and its derivatives with respect to the weights.

x, w1, w2, w3 in PyTorch's layouts (the linear layer takes [B, C H W] in that order); penalty; dw1, dw2, dw3.
"""
import torch
import torch.nn.functional as F

from _common import numbers, write

normal = numbers(5)
x = normal(4, 2, 8, 8).requires_grad_()
w1 = (0.3 * normal(6, 2, 4, 4)).float().double().requires_grad_()
w2 = (0.2 * normal(5, 6, 3, 3)).float().double().requires_grad_()
w3 = (0.2 * normal(1, 5 * 4 * 4)).float().double().requires_grad_()

h = F.leaky_relu(F.conv2d(x, w1, stride=2, padding=1), 0.2)
h = F.leaky_relu(F.conv2d(h, w2, padding=1), 0.2)
d = F.linear(h.flatten(1), w3)
(dx,) = torch.autograd.grad(d.sum(), x, create_graph=True)
penalty = (dx.flatten(1).norm(dim=1) - 1).square().mean()
penalty.backward()

write(__file__, dict(x=x, w1=w1, w2=w2, w3=w3, penalty=penalty, dw1=w1.grad, dw2=w2.grad, dw3=w3.grad))
