"""Figures of samples, by scikit-learn, SciPy and pytorch-msssim.

features/CASE: samples, held_out [n, d]; frechet, kernel (unbiased, of the polynomial kernel of degree 3), precision, recall (third nearest),
density, coverage (fifth nearest). `flat` has fewer rows than columns: covariances without full rank.
authentic: samples, training [n, d]; nearest, distance; authentic, the part of the samples.
similarity/CASE: a, b [n, H, W, C] in [0, 1]; value, the multi-scale structural similarity of each pair.
"""
import numpy as np
import torch
from scipy.linalg import sqrtm
from sklearn.metrics.pairwise import pairwise_distances, polynomial_kernel
from sklearn.neighbors import NearestNeighbors
from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim

from _common import numbers, write

normal = numbers(16)
out = {}


def frechet(a, b):
    root = sqrtm(np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)).real
    means = a.mean(0) - b.mean(0)
    return means @ means + np.trace(np.cov(a, rowvar=False) + np.cov(b, rowvar=False) - 2 * root)


def kernel(a, b):
    n, k = len(a), lambda x, y: polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1)
    others = lambda m: (m.sum() - np.trace(m)) / (n * (n - 1))
    return others(k(a, a)) + others(k(b, b)) - 2 * k(a, b).mean()


def balls(x, k):
    """Distances of rows to their k-th nearest other row."""
    return NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(x).kneighbors(x)[0][:, k]


def among(real, made):
    apart = pairwise_distances(real, made)
    real_3, made_3, real_5 = balls(real, 3), balls(made, 3), balls(real, 5)
    return dict(
        precision=(apart <= real_3[:, None]).any(0).mean(),
        recall=(apart <= made_3[None, :]).any(1).mean(),
        density=(apart <= real_5[:, None]).sum(0).mean() / 5,
        coverage=(apart.min(1) <= real_5).mean(),
    )


for name, n, d, shift, scale in [("near", 200, 6, 0.2, 1.0), ("far", 150, 3, 1.5, 0.7), ("flat", 40, 64, 0.3, 1.2)]:
    held_out = normal(n, d).numpy()
    samples = (normal(n, d) * scale + shift).float().double().numpy()
    found = dict(frechet=frechet(samples, held_out), kernel=kernel(samples, held_out), **among(held_out, samples))
    out |= {f"features/{name}/samples": samples, f"features/{name}/held_out": held_out}
    out |= {f"features/{name}/{key}": np.asarray(value) for key, value in found.items()}

training = normal(120, 4).numpy()
samples = np.concatenate([training[:10], training[10:30] + 0.05 * normal(20, 4).numpy(), normal(40, 4).numpy()])
samples = samples.astype(np.float32).astype(np.float64)
distance, nearest = NearestNeighbors(n_neighbors=1).fit(training).kneighbors(samples)
authentic = (balls(training, 1)[nearest[:, 0]] < distance[:, 0]).mean()
out |= {"authentic/samples": samples, "authentic/training": training, "authentic/nearest": nearest[:, 0]}
out |= {"authentic/distance": distance[:, 0], "authentic/authentic": np.asarray(authentic)}



def similarity(a, b, weights):
    """As ms_ssim of pytorch-msssim, which takes no fewer than five scales."""
    window, value = _fspecial_gauss_1d(11, 1.5).double().repeat(a.shape[1], 1, 1, 1), 1.0
    for scale, weight in enumerate(weights):
        whole, structure = _ssim(a, b, data_range=1.0, win=window, size_average=False)
        value = value * torch.relu(whole if scale == len(weights) - 1 else structure) ** weight
        a, b = [torch.nn.functional.avg_pool2d(x, 2) for x in (a, b)]
    return value.mean(1)


WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
for name, n, side, channels, scales in [("two scales", 6, 32, 3, 2), ("five scales", 1, 176, 1, 5)]:
    smooth = torch.nn.functional.interpolate(normal(n, channels, side // 8, side // 8), size=side, mode="bilinear")
    a = (torch.sigmoid(1.5 * smooth) * 255).round() / 255
    b = ((0.7 * a + 0.1 + 0.08 * normal(n, channels, side, side)).clamp(0, 1) * 255).round() / 255
    a, b = a.float().double(), b.float().double()
    weights = tuple(WEIGHTS[:scales] / WEIGHTS[:scales].sum())
    value = similarity(a, b, weights)
    nhwc = lambda x: x.permute(0, 2, 3, 1)
    out |= {f"similarity/{name}/a": nhwc(a), f"similarity/{name}/b": nhwc(b), f"similarity/{name}/value": value}

write(__file__, {key: torch.as_tensor(value) for key, value in out.items()})
