"""Submitting, waiting and reading, on a private database with a real worker."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pra_pipeline import Client, PraError, Run, RunFailed


def test_the_run_is_done(run: Run, client: Client) -> None:
    assert run.state == "succeeded"
    assert repr(run) == f"<run {run.id} 'small': succeeded>"
    assert run.configuration["config"]["training"]["total"] == 4
    assert list(run.jobs()["kind"]) == ["ingest", "train", "sample", "evaluate"]
    assert set(run.jobs()["state"]) == {"succeeded"}
    assert client.runs(limit=1)["name"].tolist() == ["small"]
    listed = client.runs(limit=1).iloc[0]
    assert np.isclose(listed["loss"], run.metrics("loss")["value"].iloc[-1])
    assert listed["metric"].startswith("frechet.random") and listed["evaluation"] > 0 and listed["reference"]
    assert listed["images_per_second"] > 0 and listed["user"] and listed["tags"] == []
    assert client.run("small").id == client.run(run.id).id == run.id


def test_metrics_are_frames(run: Run) -> None:
    loss = run.metrics("loss")
    assert list(loss.columns) == ["name", "job", "step", "value"]
    assert loss["step"].tolist() == [0, 1, 2, 3] and np.isfinite(loss["value"]).all()
    everything = run.metrics()
    assert {"loss", "loss.flow", "lr", "grad_norm"} <= set(everything["name"])
    wide = run.metrics("loss", "loss.flow", "loss.rec", "loss.norm_pix", wide=True)
    assert list(wide.index) == [0, 1, 2, 3]
    total = wide["loss.flow"] + wide["loss.rec"] + 0.1 * wide["loss.norm_pix"]
    np.testing.assert_allclose(wide["loss"], total, rtol=1e-5)
    with pytest.raises(PraError, match="has no series 'los'; it has .*grad_norm, .*loss"):
        run.metrics("los")


def test_evaluations_and_checkpoints_are_frames(run: Run) -> None:
    figures = run.evaluations()
    overall = figures[figures["scope"] == "overall"].set_index("metric")["value"]
    assert overall["reconstruction.psnr"] > 0
    assert isinstance(figures["details"].iloc[0], dict)
    distance = figures[figures["metric"].str.startswith("frechet.random")].iloc[0]
    sampling = int(run.jobs().query("kind == 'sample'")["id"].iloc[0])
    assert distance["sampling_job"] == sampling and distance["step"] == 4
    assert distance["reference"] == distance["ruler"]["data_set"] and "scale" in distance["sampling"]
    assert run.checkpoints()["step"].tolist()[-1] == 4


def test_images_are_arrays(run: Run) -> None:
    images = run.images()
    assert images.array.shape == (6, 32, 32, 3) and images.array.dtype == np.uint8
    assert images.numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert images.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert images.class_names[:2] == ("dark", "light")
    assert repr(images) == "<6 images of 32 x 32, 3 channels, of 2 classes: dark, light>"
    grid = images.grid(columns=3, gap=2)
    assert grid.shape == (66, 100, 3)
    assert np.array_equal(grid[34:66, 34:66], images.array[4]) and (grid[32:34] == 255).all()
    assert images.grid().shape == (65, 98, 3)
    sampling = int(run.jobs().query("kind == 'sample'")["id"].iloc[0])
    assert len(run.images(job=sampling)) == 6


def test_a_run_file_and_settings(client: Client, description: dict, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(json.dumps(description | {"name": "of a file", "sample": None, "evaluate": False}))
    made = client.submit(path, set={"training.total": 2, "name": "renamed, with 'quotes'"})
    assert made.name == "renamed, with 'quotes'" and made.state == "pending"
    assert made.configuration["config"]["training"]["total"] == 2
    again = client.submit(path, set={"training.total": 2, "name": "renamed, with 'quotes'"}, reuse=True)
    assert again.id == made.id
    client.program("cancel", "--run", str(made.id))
    with pytest.raises(RunFailed, match=r"job \d+ \((ingest|train)\) cancelled"):
        made.wait(timeout=60)


def test_paths_of_a_mapping_are_those_of_the_folder(
    client: Client, description: dict, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.chdir(home)
    before = sorted(os.listdir(home))
    made = client.submit(description | {"name": "relative", "data": {"source": "pictures"}})
    assert sorted(os.listdir(home)) == before
    client.program("cancel", "--run", str(made.id))


def test_a_text_of_yaml(client: Client, description: dict) -> None:
    source = description["data"]["source"]
    made = client.submit(f"name: of a text\ndata: {{source: {source}}}\nconfig: {{preset: nano}}\n")
    assert made.name == "of a text" and made.configuration["config"]["preset"] == "nano"
    client.program("cancel", "--run", str(made.id))
    client.program("delete", str(made.id))
    for name in (made.id, made.name):
        with pytest.raises(PraError, match="there is no run"):
            client.run(name)
    assert made.id not in client.runs()["id"].tolist()
    with pytest.raises(PraError, match="^line 2, column"):
        client.submit("name: a\ndata: {source: [}\n")


def test_progress_is_told(client: Client, description: dict, capsys: pytest.CaptureFixture) -> None:
    seen: list[pd.DataFrame] = []
    made = client.submit(description | {"name": "watched", "sample": None, "evaluate": False})
    with pytest.raises(TimeoutError, match=f"run {made.id} is pending after 0 seconds"):
        made.wait(timeout=0, progress=seen.append)
    # Without its ingest job where another run has the same data set.
    assert seen[0]["state"].tolist() in (["ready"], ["ready", "blocked"])
    client.work(threads=2)
    made.wait(timeout=60)
    lines = capsys.readouterr().err.splitlines()
    said = [line.split(" ", 2)[2] for line in lines]
    assert said in (["train: succeeded"], ["ingest: succeeded", "train: succeeded"])


def test_errors_are_sentences(client: Client, description: dict) -> None:
    bad = description | {"config": {"training": {"totl": 3}}}
    with pytest.raises(PraError, match=r"^config\.training\.totl: unknown key; did you mean|^training\.totl"):
        client.submit(bad)
    with pytest.raises(PraError, match="there is no run 'nobody'"):
        client.run("nobody")
    with pytest.raises(PraError, match="permission denied"):
        client.sql("select * from pra_store.jobs")
    with pytest.raises(PraError, match="there is no file or folder"):
        client.submit(description, set={"data.source": "gone.tar"})
    with pytest.raises(PraError, match="PRA_PROGRAM|is no program"):
        Client(program="/nowhere/pra")


def test_a_lost_session_is_opened_again(client: Client) -> None:
    assert client.sql("select 1 as one")["one"].tolist() == [1]
    assert client._session is not None
    client._session.close()
    assert client.sql("select %s::int as two", [2])["two"].tolist() == [2]


def test_an_address_may_be_given(client: Client, program: str) -> None:
    address = client.program("database")
    assert "user='pra_reader'" in address
    with Client(address, program=program) as other:
        assert len(other.runs()) == len(client.runs())
