"""torch.nn.BatchNorm2d and BatchNorm1d in training, forward and backward, two calls on different data: the running
statistics move twice. Then the same layer in evaluation.

For each case and call n: xn, yn, dyn, dxn, dscalen, dshiftn; scale, shift; running_mean, running_var after both calls;
x_eval, y_eval.
"""
from torch import nn

from _common import numbers, write

normal = numbers(2)
out = {}
CASES = {
    "NCHW": (nn.BatchNorm2d, (4, 3, 5, 6)),
    "rows": (nn.BatchNorm1d, (9, 4)),
    "two values": (nn.BatchNorm1d, (2, 3)),
}
for name, (layer, shape) in CASES.items():
    m = layer(shape[1])
    m.weight.data, m.bias.data = 1 + 0.3 * normal(shape[1]), normal(shape[1])
    # f32 holds what the test starts from.
    m.weight.data = m.weight.data.float().double()
    case = dict(scale=m.weight.clone(), shift=m.bias.clone())
    for call in range(2):
        x = (3 * normal(*shape) + call).float().double().requires_grad_()
        y = m(x)
        dy = normal(*shape)
        m.zero_grad()
        y.backward(dy)
        case |= {f"x{call}": x, f"y{call}": y, f"dy{call}": dy, f"dx{call}": x.grad}
        case |= {f"dscale{call}": m.weight.grad.clone(), f"dshift{call}": m.bias.grad.clone()}
    case |= dict(running_mean=m.running_mean, running_var=m.running_var)
    x = normal(*shape)
    case |= dict(x_eval=x, y_eval=m.eval()(x))
    out |= {f"{name}/{k}": v for k, v in case.items()}

write(__file__, out)
