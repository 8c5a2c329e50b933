"""The database of runs, and the way to submit new ones."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg

from .errors import PraError
from .program import Program
from .run import Run


class Client:
    """Reads runs over a session of its own and submits new ones through the program `pra`.

    The database is `database` (a URI or `key=value` pairs), or what PRA_DATABASE_URL names, or the
    private database of this account, which is started if need be. The session can change nothing.
    One thread at a time may use a client.
    """

    def __init__(
        self, database: str | None = None, *, program: str | os.PathLike[str] | None = None
    ) -> None:
        self.program = Program(program)
        given = database or os.environ.get("PRA_DATABASE_URL") or None
        self._environment = {} if given is None else {"PRA_DATABASE_URL": given}
        self._conninfo = given or self.program("database")
        self._session: psycopg.Connection[tuple[Any, ...]] | None = None

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session; the next question opens another."""
        if self._session is not None:
            self._session.close()
            self._session = None

    # ---- questions ---------------------------------------------------------------------------
    def sql(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """The rows of a query on the views of schema `pra` (docs/analyst.md), read-only.

        A session that was lost, as by a restart of the server, is opened again once.
        """
        for is_last in (False, True):
            session = self._connected()
            try:
                found = session.execute(query, parameters or None)
                columns = [column.name for column in found.description or ()]
                rows = found.fetchall() if found.description else []
                return pd.DataFrame(rows, columns=columns)
            except psycopg.OperationalError as error:
                if not session.closed or is_last:
                    raise PraError(str(error).strip()) from error
                self._session = None
            except psycopg.Error as error:
                raise PraError(str(error).strip()) from error
        raise AssertionError("unreachable")

    def runs(self, limit: int = 50) -> pd.DataFrame:
        """The newest runs, as `pra runs` shows them: id, name, state, jobs, loss, evaluation, images_per_second, ...

        loss is the mean of the end of the training's loss, evaluation the best FID or Frechet distance, metric its
        name and reference the data that it compares with; of a run with several trainings loss is missing.
        Then user, tags, created_at, finished_at.
        """
        return self.sql(
            """
            select r.id, r.name, r.state, r.jobs, f.value as loss, e.value as evaluation, e.metric,
              coalesce(e.ruler ->> 'reference', e.ruler ->> 'data_set') as reference, t.images_per_second,
              r.created_by as user, r.tags, r.created_at, r.finished_at
            from (select * from pra.runs where deleted_at is null order by id desc limit %s) as r
            left join lateral (
              select min(s.job_id) filter (where s.name = 'loss') as job,
                count(*) filter (where s.name = 'loss') = 1 as is_one,
                max(s.last_value) filter (where s.name = 'images_per_second') as images_per_second
              from pra.metric_summaries as s
              where s.run_id = r.id and s.name in ('loss', 'images_per_second')) as t on true
            left join lateral pra.metric_end(t.job, 'loss') as f on t.is_one
            left join lateral (
              select v.metric, v.value, v.ruler from pra.evaluations as v
              where v.run_id = r.id and v.scope = 'overall' and (v.metric like 'fid.%%' or v.metric like 'frechet.%%')
              order by v.metric not like 'fid.%%', v.images desc, v.value limit 1) as e on true
            order by r.id desc
            """, [limit])

    def run(self, run: int | str) -> Run:
        """A run by its number or name; of several with one name the newest."""
        if isinstance(run, int):
            found = self.sql("select id, name from pra.runs where id = %s and deleted_at is null", [run])
        else:
            found = self.sql(
                "select id, name from pra.runs where name = %s and deleted_at is null"
                " order by id desc limit 1", [run])
        if found.empty:
            raise PraError(f"there is no run {run!r}")
        return Run(self, int(found["id"][0]), str(found["name"][0]))

    # ---- work --------------------------------------------------------------------------------
    def submit(
        self, run: str | os.PathLike[str] | Mapping[str, Any], *,
        set: Mapping[str, Any] | None = None, reuse: bool = False, queue: str = "default",
        priority: int = 0,
    ) -> Run:
        """Checks a run and enqueues its jobs, all or none.

        `run` is the path of a run file, or its text (several lines of YAML), or a mapping of its
        keys (docs/keys.md); paths in these two are relative to the current folder. `set` replaces
        single keys, as in {"training.total": 300}.
        `reuse` returns the run of equal name, configuration and data if there is one.
        Raises PraError that names the key; nothing is stored then.
        """
        options = [f"--set={key}={json.dumps(value)}" for key, value in (set or {}).items()]
        options += ["--reuse"] if reuse else []
        options += [f"--queue={queue}", f"--priority={priority}"]
        if isinstance(run, Mapping):
            text = json.dumps(dict(run))  # JSON is YAML
        elif isinstance(run, str) and "\n" in run:
            text = run
        else:
            return self.run(int(self._pra("run", os.fspath(run), *options)))
        # In the folder from which its paths are taken.
        with tempfile.NamedTemporaryFile(
            "w", dir=Path.cwd(), prefix=".run-", suffix=".yaml", encoding="utf-8"
        ) as file:
            file.write(text)
            file.flush()
            name = Path(file.name).name
            try:
                return self.run(int(self._pra("run", name, *options)))
            except PraError as error:
                raise PraError(str(error).replace(f"{name}: ", "")) from None

    def work(self, *, slots: int = 1, threads: int | None = None) -> None:
        """Runs a worker here until no work is left for it: `pra worker --until-idle`."""
        options = [f"--slots={slots}"] + ([f"--threads={threads}"] if threads else [])
        ended = subprocess.run(
            [self.program.path, "worker", "--until-idle", *options],
            env={**os.environ, **self._environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            raise PraError(f"the worker ended with {ended.returncode}: {ended.stderr.strip()[-2000:]}")

    # ---- details -----------------------------------------------------------------------------
    def _pra(self, *words: str) -> str:
        return self.program(*words, environment=self._environment)

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._session is not None and not self._session.closed:
            return self._session
        try:
            session = psycopg.connect(
                self._conninfo, autocommit=True, application_name="pra-pipeline (python)")
            session.execute("set role pra_read")
            session.execute("set default_transaction_read_only = on")
            session.execute("set jit = off")
        except psycopg.Error as error:
            raise PraError(f"the database: {str(error).strip()}") from error
        self._session = session
        return session
