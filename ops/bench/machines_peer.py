"""PyTorch's ranks doing the work of a training step: one process of torchrun, whose first rank prints one JSON row.

    torchrun --standalone --nproc-per-node N machines_peer.py --preset P --batch B --threads N --rounds R

The model is that of peer.py, the gradients are averaged by DistributedDataParallel over Gloo in buckets of its own
choice while the backward pass runs, and each rank has its share of the batch. One rank works without it.
"""
import argparse
import json
import os
import statistics
import time

import torch
import torch.distributed
from torch import nn

import peer


class Loss(nn.Module):
    """The training loss as a forward pass, which is what is wrapped."""

    def __init__(self, model: peer.Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.model.loss(*inputs)


def step_of(s: peer.Sizes, batch: int, ranks: int):
    """A whole step of one rank on `batch` images of its own."""
    model = peer.Model(s)
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=3e-4, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    average = [p.detach().clone() for p in parameters]
    loss = Loss(model)
    if ranks > 1:
        loss = nn.parallel.DistributedDataParallel(loss, gradient_as_bucket_view=True)
    N = s.count
    inputs = (torch.arange(batch) % s.classes, torch.rand(batch, N, s.pixels) * 2 - 1,
              0.65 + 0.35 * torch.rand(batch, N, 1), torch.randn(batch, N, peer.STATE),
              torch.randn(batch, peer.REPEATS, N).sigmoid(), torch.randn(batch, peer.REPEATS, N, peer.STATE))

    def step() -> None:
        optimizer.zero_grad(set_to_none=ranks == 1)
        value = loss(*inputs)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 0.001)
        value.item()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=peer.PRESETS, default="nano")
    parser.add_argument("--batch", type=int, default=64, help="images of all ranks")
    parser.add_argument("--threads", type=int, default=1, help="of each rank")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    ranks, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if ranks > 1:
        torch.distributed.init_process_group("gloo")
    step = step_of(peer.PRESETS[options.preset], options.batch // ranks, ranks)
    rounds = []
    for number in range(options.rounds + 2):
        start = time.perf_counter()
        step()
        if number >= 2:
            rounds.append(time.perf_counter() - start)
    if rank == 0:
        print(json.dumps({"ranks": ranks, "peer": f"torch {torch.__version__}",
                          "images_per_second": options.batch / statistics.median(rounds)}))
    if ranks > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
