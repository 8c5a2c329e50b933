"""The model beside the independent implementation of ops/oracle, on its pinned cases, in float64."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from conftest import ROOT

from pra_pipeline import PRAModel
from pra_pipeline.loading import read_safetensors
from pra_pipeline.sampling import patches

import generate
import passes
from model import Model

GOLDEN = ROOT / "Tests" / "Golden" / "oracle"
NAMES = sorted(generate.CASES)


class Case:
    """A pinned case: our model and the oracle's with the same weights."""

    def __init__(self, name: str) -> None:
        self.record = json.loads((GOLDEN / f"{name}.json").read_text())
        self.tensors, _ = read_safetensors(GOLDEN / f"{name}.safetensors")
        self.config = self.record["config"]
        with_float64(lambda: self._make())

    def _make(self) -> None:
        self.oracle = Model(self.config, self.record["classes"])
        first = self.oracle.initial(self.config["seed"])
        self.weights = generate.shaken(first, self.config["seed"])
        self.model = PRAModel(self.config, self.record["classes"]).double()
        self.model.load_state_dict(self.weights)
        self.y = self.tensors["y"].double()
        # The labels as the training step drops them.
        self.labels = passes.dropped(self.oracle, self.record["labels"], 0)


def with_float64(body):  # type: ignore[no-untyped-def]
    """The oracle counts on float64 by default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return body()
    finally:
        torch.set_default_dtype(before)


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def close(found: torch.Tensor, expected: torch.Tensor, limit: float) -> None:
    error = (found.double() - expected.double()).norm() / expected.double().norm()
    assert float(error) < limit, float(error)


def test_names_and_shapes_are_those_of_a_checkpoint(case: Case) -> None:
    shapes = {name: tuple(shape) for name, (shape, _) in case.oracle.kinds.items()}
    assert {n: tuple(t.shape) for n, t in case.model.state_dict().items()} == shapes
    # Its last step's weights, pinned in a file.
    pinned = {n[7:]: t for n, t in case.tensors.items() if n.startswith("weight.")}
    assert {n: tuple(t.shape) for n, t in pinned.items()} == shapes


@torch.no_grad()
def test_parts_are_the_oracles(case: Case) -> None:
    model, oracle, y = case.model, case.oracle, case.y
    images = model.assembled(y)
    assert torch.equal(model.cut(images), y)
    if case.config["method"] == "diffusion":
        times = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
        found = model(images, case.labels, times).predicted
        expected = with_float64(lambda: oracle.denoised(case.weights, case.labels, y, times))
        return close(found, expected, 1e-12)
    found = model(images, case.labels)
    hidden = with_float64(lambda: oracle.trunk(case.weights, case.labels, y[:, :-1]))
    close(found.hidden, hidden, 1e-12)
    time = torch.linspace(0, 1, y.shape[1], dtype=torch.float64).expand(len(y), -1)
    z = torch.randn(len(y), y.shape[1], model.state_width, dtype=torch.float64)
    velocity = with_float64(lambda: oracle.velocity(case.weights, z, time, hidden))
    close(model.velocity(z, time, hidden), velocity, 1e-12)
    if model.has_states:
        states = with_float64(
            lambda: oracle.normalize(oracle.encode(case.weights, y, hidden)))
        close(found.states, states, 1e-12)
        close(found.decoded, with_float64(lambda: oracle.decode(case.weights, states, hidden)), 1e-12)


def test_states_are_the_pinned_ones(case: Case) -> None:
    if "activation.states" not in case.tensors:
        assert not case.model.has_states
        return
    with torch.no_grad():
        found = case.model(case.model.assembled(case.y), case.labels)
    close(found.states, case.tensors["activation.states"], 1e-6)


def test_drawn_patches_are_the_pinned_ones(case: Case) -> None:
    sampling, numbers = case.config["sampling"], [0, 1, 7]
    labels = case.model.sample(numbers=numbers).labels.tolist()
    close(patches(case.model, sampling, numbers, labels), case.tensors["sample"], 1e-6)
    single = case.model.float()
    drawn = patches(single, sampling, numbers, labels)
    assert drawn.dtype == torch.float32
    close(drawn, case.tensors["sample"], 1e-3)
    single.double()


def test_an_image_depends_on_its_number_alone() -> None:
    model = Case("default").model
    whole = model.sample(7, batch=3)
    assert whole.array.shape == (7, 8, 8, 3) and whole.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert np.array_equal(model.sample(numbers=[5]).array[0], whole.array[5])
    other = model.sample(2, labels=2, scale=1.0, method="heun", steps=2, seed=9)
    assert other.labels.tolist() == [2, 2]
    assert not np.array_equal(other.array[0], other.array[1])


def test_bad_input_is_named() -> None:
    model = Case("default").model
    with pytest.raises(ValueError, match=r"images \(2, 3, 8, 8\): expected \[B, 8, 8, 3\]"):
        model(torch.zeros(2, 3, 8, 8), [0, 0])
    with pytest.raises(ValueError, match="class 'cat': known are none"):
        model.sample(1, labels="cat")
    with pytest.raises(ValueError, match="class 4: expected 0 to 2"):
        model.sample(1, labels=[4])
    with pytest.raises(TypeError, match="step: unknown key of sampling; known are method, steps"):
        model.sample(1, step=3)
    with pytest.raises(ValueError, match="labels: 1 for 2 images"):
        model.sample(2, labels=[0])


def test_a_training_step_reaches_every_tensor() -> None:
    """Gradients flow, as for a probe or a fine-tuning of one's own."""
    case = Case("default")
    found = case.model(case.model.assembled(case.y), case.labels)
    loss = (found.decoded - found.patches).abs().mean() + found.hidden.square().mean()
    loss.backward()
    reached = {n for n, p in case.model.named_parameters() if p.grad is not None}
    assert {n for n in case.model.state_dict() if n.startswith(("trunk", "encoder", "decoder"))} \
        == reached
