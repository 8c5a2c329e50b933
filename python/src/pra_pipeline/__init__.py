"""Runs, results and models of PRA Pipeline in Python.

    from pra_pipeline import Client, load

    client = Client()                        # PRA_DATABASE_URL, or the private database of this account
    run = client.submit("emoji.yaml", set={"training.total": 300})
    run.wait()
    run.metrics("loss").plot(x="step", y="value")
    model = load("emoji")                    # a torch.nn.Module with the trained weights
    drawn = model.sample(16)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .client import Client
from .errors import PraError, RunFailed
from .images import Images
from .run import Run

if TYPE_CHECKING:
    from .loading import load
    from .model import PRAModel

__all__ = ["Client", "Images", "PRAModel", "PraError", "Run", "RunFailed", "load"]


def __getattr__(name: str) -> Any:
    """Imports the parts that need PyTorch when they are first used: runs and results do without."""
    if name == "load":
        from .loading import load

        return load
    if name == "PRAModel":
        from .model import PRAModel

        return PRAModel
    raise AttributeError(f"module 'pra_pipeline' has no attribute '{name}'")
