"""Inception-v3 in its FID form by torch-fidelity, with random weights and without torchvision's own
operators, which the CPU build of torch does not load."""

import numpy
import torch

_operators = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torch_fidelity import feature_extractor_inceptionv3 as fidelity  # noqa: E402

FEATURES = ["2048", "logits_unbiased"]
SPATIAL_CHANNELS = 7


def narrowed(divisor: int) -> None:
    """Divides every number of channels except three, for files small enough to be committed."""
    make = fidelity.BasicConv2d.__init__

    def narrow(self, inputs, outputs, **options):
        make(self, inputs if inputs == 3 else inputs // divisor, outputs // divisor, **options)
    fidelity.BasicConv2d.__init__ = narrow
    linear = torch.nn.Linear
    fidelity.nn.Linear = lambda inputs, outputs: linear(inputs // divisor, outputs)


def random_state(divisor: int = 1, seed: int = 7) -> dict:
    """Weights of the right names: activations keep their scale, and images differ in their features."""
    generator = torch.Generator().manual_seed(seed)
    network = skeleton()
    state = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        normal = torch.randn(tensor.shape, generator=generator)
        uniform = torch.rand(tensor.shape, generator=generator)
        if name.endswith("conv.weight"):
            state[name] = normal * (2.0 / tensor[0].numel()) ** 0.5
        elif name.endswith("bn.weight"):
            state[name] = 0.8 + 0.4 * uniform
        elif name.endswith("running_var"):
            state[name] = 0.6 + 0.8 * uniform
        elif name.startswith("fc"):
            state[name] = normal * (8.0 / tensor.shape[-1]) ** 0.5
        else:
            state[name] = 0.1 * normal
    return state


def skeleton() -> torch.nn.Module:
    """The module without weights; its own constructor would load a file."""
    load, load_state = torch.load, torch.nn.Module.load_state_dict
    torch.load = lambda *_, **__: {}
    fidelity.FeatureExtractorInceptionV3.load_state_dict = lambda *_: None
    try:
        return fidelity.FeatureExtractorInceptionV3(
            "inception", FEATURES, feature_extractor_weights_path="none")
    finally:
        torch.load = load
        fidelity.FeatureExtractorInceptionV3.load_state_dict = load_state


def network(state: dict) -> torch.nn.Module:
    module = skeleton()
    missing, extra = module.load_state_dict(state, strict=False)
    assert not extra and all(n.endswith("num_batches_tracked") for n in missing), (missing, extra)
    return module.eval().requires_grad_(False)


def features(module: torch.nn.Module, images: numpy.ndarray, batch: int = 16,
             layout: torch.memory_format = torch.contiguous_format) -> numpy.ndarray:
    """[n, 2048 + 2023 + 1008] of uint8 [n, height, width, 3]: pool, spatial (NHWC), logits.

    The module follows the layout of the images in memory; its weights lie as they are given."""
    kept = []
    hook = module.Mixed_6d.branch1x1.register_forward_hook(lambda _, __, y: kept.append(y))
    rows = []
    with torch.inference_mode():
        for first in range(0, len(images), batch):
            x = torch.from_numpy(images[first:first + batch]).permute(0, 3, 1, 2)
            x = x.contiguous(memory_format=layout)
            pool, logits = module(x)
            spatial = kept.pop()[:, :SPATIAL_CHANNELS].permute(0, 2, 3, 1).reshape(len(x), -1)
            rows.append(torch.cat([pool, spatial, logits], 1).numpy())
    hook.remove()
    return numpy.concatenate(rows)


def pictures(count: int, height: int, width: int, seed: int, shift: float = 0) -> numpy.ndarray:
    """Random smooth colours with edges and noise: images as different as photographs."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[0:height, 0:width] / max(height, width)
    images = numpy.empty((count, height, width, 3), numpy.uint8)
    for i in range(count):
        image = random.uniform(40, 215, 3) + shift
        for _ in range(4):
            f, g, p = random.uniform(-12, 12, 2).tolist() + [random.uniform(0, 6.28)]
            wave = numpy.sin(f * x + g * y + p)
            wave = numpy.sign(wave) if random.random() < 0.4 else wave
            image = image + wave[..., None] * random.uniform(-45, 45, 3)
        image = image + random.normal(0, random.uniform(0, 18), (height, width, 3))
        images[i] = numpy.clip(image, 0, 255).astype(numpy.uint8)
    return images
