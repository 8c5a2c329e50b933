"""A trained model in PyTorch draws what the program has drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pra_pipeline import Client, PraError, Run, load


def test_the_same_pictures(run: Run, client: Client) -> None:
    drawn = run.images()
    model = load("small", dtype=torch.float64, client=client)
    assert model.class_names == ("dark", "light") and model.drawn_classes == (0, 1)
    again = model.sample(6)
    assert again.labels.tolist() == drawn.labels.tolist()
    assert again.class_names == drawn.class_names
    # The page's tolerance: one level in a thousandth of the values.
    difference = np.abs(again.array.astype(int) - drawn.array.astype(int))
    assert difference.max() <= 1 and (difference > 0).mean() <= 1e-3
    single = run.load().sample(6)
    assert np.abs(single.array.astype(int) - drawn.array.astype(int)).max() <= 2


def test_a_file_is_loaded_too(run: Run, tmp_path: Path) -> None:
    path = run.export_checkpoint(tmp_path / "small.safetensors")
    model, direct = load(path), run.load()
    assert all(torch.equal(a, b) for a, b in zip(
        model.state_dict().values(), direct.state_dict().values(), strict=True))
    assert model.sample(1, labels="light").labels.tolist() == [1]
    trained = load(path, weights="model").state_dict()
    assert not torch.equal(trained["head.output.weight"], model.state_dict()["head.output.weight"])
    with pytest.raises(PraError, match=r"has no weights 'ema-0.5'; it has model, ema-0.999"):
        load(path, weights="ema-0.5")
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:5000])
    with pytest.raises(PraError, match="truncated|outside the file"):
        load(tmp_path / "cut.safetensors")


def test_weights_are_tensors(run: Run) -> None:
    weights = run.weights(weights="model")
    assert weights["trunk.class_embed.weight"].shape == (3, 256)
    assert not any(tensor.requires_grad for tensor in weights.values())
    with pytest.raises(PraError, match="has no checkpoint of step 3"):
        run.weights(step=3)


def test_forward_reconstructs_the_pictures(run: Run) -> None:
    model, images = run.load(), run.images()
    with torch.no_grad():
        found = model(images.array, images.labels.tolist())
    assert found.hidden is not None and found.hidden.shape == (6, 16, 128)
    with torch.no_grad():
        one = model(images.array, "light")
        each = model(images.array, ["light"] * 6)
    assert one.hidden is not None and each.hidden is not None and torch.equal(one.hidden, each.hidden)
    assert found.states is not None and found.states.shape == (6, 16, 16)
    np.testing.assert_allclose(found.states.square().sum(-1), 16, rtol=1e-4)
    assert found.decoded is not None
    assert model.to_bytes(found.decoded).shape == images.array.shape
