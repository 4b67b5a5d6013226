"""Weights of PyTorch modules go into runs of calotype and back, and both programs compute the same.

    python3 -m venv venv && venv/bin/pip install torch safetensors numpy pillow
    cargo build --release && venv/bin/python assets/golden/_public_weights.py target/release/calotype

The networks are those of `_public_networks.py`, with random weights and random running statistics.
In: a state dict, saved as safetensors, begins a run (`train --init`); what calotype makes with it is what PyTorch makes.
Out: after some steps of training, what `export --to FILE.safetensors` writes is loaded with `load_state_dict(strict=True)`; PyTorch makes with
it what calotype makes.
Numbers agree within 1e-5, of translated pictures within a level of 256. It prints the largest difference of each comparison.

Writes public_weights.txt beside it: the names and shapes of every state dict, which the tests hold against what `export` writes. Else only a
temporary folder.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import _public_networks as public

CALOTYPE = os.path.abspath(sys.argv[1])
LISTED = pathlib.Path(__file__).resolve().parent / "public_weights.txt"
TOLERANCE = 1e-5
torch.manual_seed(0)
RNG = np.random.default_rng(0)
listed = []


def calotype(*args):
    done = subprocess.run([CALOTYPE, *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"calotype {' '.join(map(str, args))}\n{done.stderr}")


def settings(values):
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def lively(net):
    """Away from the values that a fresh module has: of statistics, scales and shifts too, so that each counts."""
    for name, value in net.state_dict().items():
        if name.endswith("running_mean") or (name.endswith("bias") and value.dim() == 1):
            value.normal_(0, 0.1)
        elif name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif name.endswith("num_batches_tracked"):
            value.fill_(7)
        elif value.dim() == 1:
            value.normal_(1, 0.1)
    return net.eval()


def begin(run, model, nets, data, steps, values, dtype=torch.float32):
    """A run that begins with the weights of `nets`; under the name of the model the only network, without a name."""
    init = []
    for name, net in nets.items():
        state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in net.state_dict().items()}
        save_file({k: v.contiguous() for k, v in state.items()}, f"{run}-{name}.safetensors")
        file = f"{run}-{name}.safetensors"
        init += ["--init", file if name == model else f"{name}={file}"]
    data = ["--data", data] if data else []
    steps = ["--steps", steps] if steps else []
    calotype("train", model, *data, "--device", "cpu", *steps, "--out", run, *init, *settings(values | {"keep_checkpoints": 100}))


def taken_back(run, model, nets):
    """What the networks have learned, by `export`, loaded into modules of the same kind."""
    for name, net in nets.items():
        before = {k: v.clone() for k, v in net.state_dict().items()}
        calotype("export", run, "--to", f"{run}.safetensors", "--part", name, "--checkpoint", "last")
        net.load_state_dict(load_file(f"{run}.safetensors"), strict=True)
        weights = [k for k in before if k.endswith("weight") or k in ("W", "V")]
        assert all(not torch.equal(before[k], net.state_dict()[k]) for k in weights), f"{name} has learned nothing"


def compare(model, what, got, want):
    want = want.detach().numpy()
    assert got.shape == want.shape, (model, what, got.shape, want.shape)
    worst = float(np.abs(got - want).max() / max(1.0, np.abs(want).max()))
    print(f"{model:9} {what:52} {worst:.1e}", flush=True)
    assert worst < TOLERANCE, (model, what, worst)


def listing(model, nets, shape, values):
    """The names and shapes of each state dict; counters of batches have no use in calotype."""
    for name, net in nets.items():
        words = " ".join(f"{key}={value}" for key, value in values.items())
        listed.append(f"\n[{model} {name} {'x'.join(map(str, shape))} {words}".rstrip() + "]")
        tensors = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
        if model == "stargan":
            tensors = {k: v for k, v in tensors.items() if "running_" not in k}
        listed.extend(f"{k} {list(v.shape)}" for k, v in sorted(tensors.items()))


def both_ways(model, nets, shape, steps, values, same, data="data.npy", learned={}):
    """`same(run, checkpoint, nets)` compares what both make."""
    listing(model, nets, shape, values)
    begin(model, model, nets, data, steps, values | learned)
    same(model, 0, nets, "in")
    taken_back(model, model, nets)
    same(model, "last", nets, "out")


def sampled(run, checkpoint, z):
    np.save("z.npy", z.numpy())
    calotype("sample", run, "--latents", "z.npy", "--checkpoint", checkpoint, "--device", "cpu", "--out", "rows.npy")
    return np.load("rows.npy")


def encoded(run, checkpoint):
    calotype("encode", run, "--data", "data.npy", "--split", "all", "--checkpoint", checkpoint, "--device", "cpu", "--out", "codes.npy")
    return np.load("codes.npy")


def scored(run, checkpoint):
    calotype("score", run, "--data", "data.npy", "--split", "all", "--checkpoint", checkpoint, "--device", "cpu", "--pixels", "p.npy")
    return np.load("p.npy")


def images(shape, n=16, levels=256):
    """Random images as a data set, and as a batch [n, C, H, W] of levels."""
    pixels = RNG.integers(0, levels, (n, *shape)) * (255 // (levels - 1))
    np.save("data.npy", pixels.astype(np.uint8))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / (255 // (levels - 1))


def rows(x):
    return x.permute(0, 2, 3, 1)


def dcgan():
    x = images((64, 64, 3)) / 127.5 - 1

    def same(run, checkpoint, nets, way):
        z = torch.randn(4, 100)
        with torch.no_grad():
            made = nets["generator"].main(z[..., None, None]) * 0.5 + 0.5
            features, y = [], x
            for layer in nets["discriminator"].main[:-2]:
                y = layer(y)
                if isinstance(layer, nn.LeakyReLU):
                    features.append(rows(F.max_pool2d(y, y.shape[2] // 4)).flatten(1))
        compare("dcgan", f"{way}: images of G", sampled(run, checkpoint, z), rows(made))
        compare("dcgan", f"{way}: features of D", encoded(run, checkpoint), torch.cat(features, 1))

    nets = {"generator": lively(public.dcgan_generator()), "discriminator": lively(public.dcgan_discriminator())}
    values = {"size": 64, "width": 64, "latents": 100}
    # Samples come from the average of G's weights, and so does what is exported.
    both_ways("dcgan", nets, (64, 64, 3), 2, values, same, learned={"batch": 4, "ema": 0.5, "validation": 0})
    # As files in half precision have them.
    for dtype in (torch.float16, torch.bfloat16):
        short = {name: net.to(dtype).float() for name, net in nets.items()}
        run = str(dtype).removeprefix("torch.")
        begin(run, "dcgan", short, "data.npy", 1, values | {"batch": 2, "validation": 0}, dtype)
        same(run, 0, short, f"in, {run}")


def vae():
    x = images((28, 28, 1)).flatten(1) / 255

    def same(run, checkpoint, nets, way):
        z = torch.randn(4, 20)
        with torch.no_grad():
            codes, made = nets["vae"].encode(x)[0], nets["vae"].decode(z)
        compare("vae", f"{way}: means of codes", encoded(run, checkpoint), codes)
        compare("vae", f"{way}: images from latents", sampled(run, checkpoint, z), made.view(4, 28, 28, 1))

    both_ways("vae", {"vae": lively(public.Vae())}, (28, 28, 1), 3, {"likelihood": "cross-entropy"}, same, learned={"batch": 4})


def infogan():
    x = images((28, 28, 1)) / 127.5 - 1

    def same(run, checkpoint, nets, way):
        z = torch.rand(4, 74) * 2 - 1
        with torch.no_grad():
            made = nets["generator"].main(z)
            q = nets["recognition"]
            y = q.main(nets["discriminator"].trunk(x))
            codes = torch.cat([q.category(y).softmax(1), q.mean(y)], 1)
        compare("infogan", f"{way}: images of G", sampled(run, checkpoint, z), rows(made))
        compare("infogan", f"{way}: codes by Q", encoded(run, checkpoint), codes)

    nets = {"generator": lively(public.info_generator()), "discriminator": lively(public.info_discriminator()),
            "recognition": lively(public.info_recognition())}
    values = {"width": 64, "hidden": 1024}
    both_ways("infogan", nets, (28, 28, 1), 2, values, same, learned={"batch": 4, "validation": 0})


def nade():
    x = images((8, 8, 1), levels=2)

    def same(run, checkpoint, nets, way):
        with torch.no_grad():
            log_p = nets["nade"](x.flatten(1))
        compare("nade", f"{way}: log p of each bit", scored(run, checkpoint), log_p.view(-1, 8, 8, 1))

    both_ways("nade", {"nade": public.Nade(64, 30)}, (8, 8, 1), 3, {"hidden": 30, "levels": 2}, same, learned={"batch": 4})


def pixelcnn():
    x = images((8, 8, 1), levels=2)

    def same(run, checkpoint, nets, way):
        with torch.no_grad():
            log_p = nets["pixelcnn"](x)
        compare("pixelcnn", f"{way}: log p of each bit", scored(run, checkpoint), rows(log_p))

    values = {"width": 16, "blocks": 3, "head": 24, "levels": 2}
    both_ways("pixelcnn", {"pixelcnn": public.PixelCnn(16, 3, 24)}, (8, 8, 1), 3, values, same, learned={"batch": 4})


def progan():
    """It begins at 4x4 and shows all of it once it has grown. D is seen by the losses: loss_d is mean D(fake) - mean D(real), loss_g is
    -mean D(fake) of the same fakes where nothing is learned."""
    one = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    np.save("data.npy", np.repeat(one[None], 16, 0))
    real = torch.from_numpy(one).permute(2, 0, 1)[None].float().repeat(8, 1, 1, 1) / 127.5 - 1

    def same(run, checkpoint, nets, way):
        z = torch.randn(4, 16)
        with torch.no_grad():
            made = (nets["generator"](z) * 0.5 + 0.5).clamp(0, 1)
        compare("progan", f"{way}: images of G", sampled(run, checkpoint, z), rows(made))

    maps = [16, 16, 8]
    nets = {"generator": lively(public.ProGenerator(16, maps, 3)), "discriminator": lively(public.ProDiscriminator(maps, 3))}
    values = {"size": 16, "fmap_base": 64, "fmap_max": 16}
    listing("progan", nets, (16, 16, 3), values)
    values |= {"fade_images": 24, "stable_images": 16, "batch": 8, "validation": 0}
    begin("still", "progan", nets, "data.npy", None, values | {"lr": 0, "log_every": 1})
    same("still", "last", nets, "in, grown")
    nets["generator"].lod.fill_(2)
    same("still", 0, nets, "in, at 4x4")
    last = [line for line in map(json.loads, open("still/metrics.jsonl")) if "loss_d" in line][-1]
    with torch.no_grad():
        compare("progan", "in: mean D of real images", np.array(-last["loss_d"] - last["loss_g"]), nets["discriminator"](real).mean())
    nets["generator"].lod.fill_(0)
    # Stopped in the middle of the last fade, too.
    for run, steps, lod in (("grown", None, 0), ("fading", 9, 0.5)):
        begin(run, "progan", nets, "data.npy", steps, values)
        back = {"generator": public.ProGenerator(16, maps, 3), "discriminator": public.ProDiscriminator(maps, 3)}
        taken_back(run, "progan", back)
        assert back["generator"].lod == lod, back["generator"].lod
        same(run, "last", back, f"out, {run}")


def pictures(model, to, nets, made):
    """That `translate` makes what PyTorch made, [1, 3, H, W] of -1 to 1; it writes pictures of 256 levels."""
    calotype("translate", model, "picture.png", "--to", to, "--out", f"out-{model}", "--device", "cpu", "--checkpoint", "last")
    got = np.asarray(Image.open(f"out-{model}/picture.png"), dtype=float)
    want = ((made[0].detach().permute(1, 2, 0).numpy() * 0.5 + 0.5) * 255).clip(0, 255)
    worst = np.abs(got - want).max()
    assert got.shape == want.shape and worst < 1.0, (got.shape, want.shape, worst)
    print(f"{model:9} {f'both ways: pictures to {to}, in levels of 256':52} {worst:.2f}", flush=True)


def translators():
    pixels = RNG.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("picture.png")
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    width, blocks, c, size = 16, 6, 6, 64

    def unchanged(model, nets, more):
        """Through a run that learns nothing: what comes back is what was given."""
        begin(model, model, nets, None, 1, more | {"lr": 0})
        for name, net in nets.items():
            given = {k: v.clone() for k, v in net.state_dict().items()}
            calotype("export", model, "--to", "back.safetensors", "--part", name)
            # Running statistics are the one thing that does not come back; nobody reads them, and fresh ones are right.
            statistics = {k: v for k, v in given.items() if "running_" in k}
            net.load_state_dict(load_file("back.safetensors") | statistics, strict=True)
            assert all(torch.equal(v, given[k]) for k, v in net.state_dict().items() if "num_batches" not in k), name

    nets = {"netG_A": public.resnet_generator(width, blocks), "netG_B": public.resnet_generator(width, blocks),
            "netD_A": public.patch_discriminator(width), "netD_B": public.patch_discriminator(width)}
    values = {"size": size, "width": width, "width_d": width, "blocks": blocks}
    listing("cyclegan", nets, (size, size, 3), values)
    unchanged("cyclegan", nets, values)
    pictures("cyclegan", "B", nets, nets["netG_A"].model(x))
    pictures("cyclegan", "A", nets, nets["netG_B"].model(x))

    nets = {"generator": public.star_generator(width, c, blocks), "discriminator": public.star_discriminator(size, width, c)}
    listing("stargan", nets, (size, size, 3), values)
    unchanged("stargan", nets, values | {"batch": 4})
    domain = torch.zeros(1, c, *x.shape[2:])
    domain[:, 5] = 1
    pictures("stargan", "dark", nets, nets["generator"].main(torch.cat([x, domain], 1)))


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for proof in (dcgan, vae, infogan, nade, pixelcnn, progan, translators):
        proof()
header = f"# State dicts of PyTorch {torch.__version__.split('+')[0]}: model, network, rows, settings; written by _public_weights.py\n"
LISTED.write_text(header + "\n".join(listed) + "\n")
