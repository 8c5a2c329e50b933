"""One run: its progress, its figures, its pictures and its weights."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .errors import PraError, RunFailed
from .images import Images

if TYPE_CHECKING:
    import torch

    from .client import Client
    from .model import PRAModel

_ENDED = ("succeeded", "failed", "cancelled", "empty")


class Run:
    """A run of a database. It holds no results: each question asks anew."""

    def __init__(self, client: Client, id: int, name: str) -> None:
        self.client, self.id, self.name = client, id, name

    def __repr__(self) -> str:
        return f"<run {self.id} {self.name!r}: {self.state}>"

    @property
    def state(self) -> str:
        """empty, pending, running, paused, failed, cancelled, blocked or succeeded."""
        return str(self._only("select state from pra.runs where id = %s"))

    @property
    def configuration(self) -> dict[str, Any]:
        """The complete configuration, with every default."""
        return dict(self._only("select configuration from pra.runs where id = %s"))

    def jobs(self) -> pd.DataFrame:
        """The run's jobs: id, kind, state, progress, worker, message. An array is one row.

        Previews, for which the run does not wait, are left out.
        """
        return self.client.sql(
            """
            select id, kind, state, progress, worker_name as worker, message, worker_lost_at
            from pra.jobs where run_id = %s and array_id is null and preview_of is null order by id
            """, [self.id])

    # ---- waiting -----------------------------------------------------------------------------
    def wait(
        self, *, timeout: float | None = None, poll: float = 0.5,
        progress: bool | Callable[[pd.DataFrame], None] = True,
    ) -> Run:
        """Returns when every job has succeeded.

        progress: True prints a line to standard error for each change; a function gets `jobs()`.
        Raises RunFailed if a job fails or is cancelled, TimeoutError after `timeout` seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        report = progress if callable(progress) else _Printed() if progress else None
        while True:
            # The state first: what has ended stays so.
            state, jobs = self.state, self.jobs()
            if report is not None:
                report(jobs)
            if state in _ENDED:
                if state != "succeeded":
                    raise RunFailed(self._reason(state, jobs))
                return self
            if jobs["worker_lost_at"].notna().any():
                # Where no worker is alive, whoever asks puts the job back in line.
                self.client._pra("jobs", "--run", f"id={self.id}", "--json")
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"run {self.id} is {state} after {timeout} seconds")
            time.sleep(poll)

    def _reason(self, state: str, jobs: pd.DataFrame) -> str:
        bad = jobs[jobs["state"].isin(["failed", "cancelled", "quarantined"])]
        if bad.empty:
            return f"run {self.id} is {state}"
        first = bad.iloc[0]
        message = f": {first['message']}" if first["message"] else ""
        return f"job {first['id']} ({first['kind']}) {first['state']}{message}"

    # ---- figures -----------------------------------------------------------------------------
    def metrics(self, *names: str, wide: bool = False) -> pd.DataFrame:
        """Metric series, of each step the point that survived: name, job, step, value.

        Without names all of them. wide: one column for each name, with the step as index; then the
        run must have one job with each series.
        """
        found = self.client.sql(
            """
            select name, job_id as job, step, value from pra.metrics
            where run_id = %s and (%s::text[] is null or name = any(%s::text[]))
            order by name, job_id, step
            """, [self.id, list(names) or None, list(names) or None])
        missing = [name for name in names if not (found["name"] == name).any()]
        if missing:
            known = self.client.sql(
                "select distinct name from pra.metric_summaries where run_id = %s order by name",
                [self.id])["name"]
            raise PraError(
                f"run {self.id} has no series {missing[0]!r}; it has {', '.join(known) or 'none'}")
        if not wide:
            return found
        if found.groupby("name")["job"].nunique().gt(1).any():
            raise PraError("wide: several jobs of the run have a series of one name")
        return found.pivot(index="step", columns="name", values="value")

    def evaluations(self) -> pd.DataFrame:
        """Figures: metric, scope (overall or a class), value, images, job, variant, seed, details.

        And how they were measured, dicts: sampling_job is the job whose images a figure is of, step that of the
        weights, sampling how the images were drawn, ruler the conditions (reference the digest of the data set or
        of Inception's statistics); figures of different rulers are not compared.
        """
        return self.client.sql(
            """
            select metric, scope, value, images, job_id as job, variant, seed, details, sampling_job, step, sampling,
              ruler, coalesce(ruler ->> 'reference', ruler ->> 'data_set') as reference
            from pra.evaluations where run_id = %s order by job_id, metric, scope
            """, [self.id])

    def checkpoints(self) -> pd.DataFrame:
        """Checkpoints: step, job, epoch, registered_at."""
        return self.client.sql(
            """
            select step, job_id as job, epoch, registered_at
            from pra.checkpoints where run_id = %s order by job_id, step
            """, [self.id])

    # ---- pictures and weights ----------------------------------------------------------------
    def images(self, *, job: int | None = None) -> Images:
        """The images of one sampling run, by number: of a job, or the newest as `pra images` shows it."""
        if job is None:
            found = self.client.sql(
                """
                select job_id from pra.samplings where run_id = %s order by preview, job_id desc limit 1
                """, [self.id])
            job = None if found.empty else int(found["job_id"].iat[0])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "images.npz"
            only = [] if job is None else [f"--job={job}"]
            self.client._pra("export", "npz", f"id={self.id}", "-o", str(path), *only)
            with np.load(path) as archive:
                array, labels = archive["arr_0"], archive["arr_1"]
        rows = self.client.sql(
            """
            select number, class_name from pra.images
            where run_id = %s and (%s::bigint is null or job_id = %s::bigint
              or job_id in (select id from pra.jobs where array_id = %s::bigint))
            order by number
            """, [self.id, job, job, job])
        return Images(
            array, labels, rows["number"].to_numpy(np.int64), tuple(rows["class_name"].fillna("")))

    def export_checkpoint(self, path: str | Path, *, step: int | None = None) -> Path:
        """Writes a checkpoint, by default the newest, as one .safetensors file; returns its path."""
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ValueError(f"{path}: expected a name that ends in .safetensors")
        only = [] if step is None else [f"--step={step}"]
        self.client._pra("export", "checkpoint", f"id={self.id}", "-o", str(path), *only)
        return path

    def weights(
        self, *, step: int | None = None, weights: str | None = None
    ) -> dict[str, torch.Tensor]:
        """The tensors of a checkpoint by name, float32, in the machine's memory.

        weights: `model`, or an average such as `ema-0.999`; by default what the run samples with.
        """
        return {name: tensor.detach() for name, tensor in
                self.load(step=step, weights=weights).state_dict().items()}

    def load(
        self, *, step: int | None = None, weights: str | None = None,
        device: str | torch.device = "cpu", dtype: torch.dtype | None = None,
    ) -> PRAModel:
        """The trained model in PyTorch; see `pra_pipeline.load`."""
        from .loading import from_file

        with tempfile.TemporaryDirectory() as folder:
            path = self.export_checkpoint(Path(folder) / "checkpoint.safetensors", step=step)
            return from_file(path, weights=weights, device=device, dtype=dtype)

    def _only(self, query: str) -> Any:
        found = self.client.sql(query, [self.id])
        if found.empty:
            raise PraError(f"there is no run {self.id}")
        return found.iat[0, 0]


class _Printed:
    """Prints a line for each change of a job."""

    def __init__(self) -> None:
        self._said: dict[int, str] = {}

    def __call__(self, jobs: pd.DataFrame) -> None:
        rows: Sequence[Any] = list(jobs.itertuples())
        for job in rows:
            if job.state == "blocked" and job.id not in self._said:
                continue
            tail = job.progress if job.state == "running" and job.progress else None
            line = f"job {job.id} {job.kind}: {job.state}" + (f", {tail}" if tail else "")
            if self._said.get(job.id) != line:
                self._said[job.id] = line
                print(line, file=sys.stderr, flush=True)
