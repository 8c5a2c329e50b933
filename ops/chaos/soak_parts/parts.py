"""The three parts of a soak, each of which returns what its processes held."""
import os
import time

from soak_parts.usage import Series, usage

READINGS = 40
# Every tenth job is a stage that stores and commits; the others are over in a moment, with a line in the log.
STAGE = """#!/bin/sh
case $PRA_JOB in *0) exec {programs}/pra-test ;; esac
echo "job $PRA_JOB"
exit 65
"""


def agent(world, jobs):
    """One agent that runs short jobs."""
    stages = f"{world.folder}/stages"
    os.makedirs(stages)
    with open(f"{stages}/pra-test", "w") as file:
        file.write(STAGE.format(programs=world.programs))
    os.chmod(f"{stages}/pra-test", 0o755)
    world.enqueue("test", jobs, '{"act": "succeed"}')
    process = world.agent("soak", 4, stages)
    done = "select count(*) from pra_store.jobs where finished_at is not null"
    return follow(world, process, {"agent": process.pid}, done, jobs, "jobs", "pra worker soak")


def stage(world, steps, every):
    """One stage that trains, with a checkpoint after so many steps."""
    world.enqueue("test", 1, f'{{"act": "train", "count": {steps}, "every": {every}}}')
    process = world.agent("trainer", 1, world.programs)
    number = world.wait(lambda: child(process.pid, "pra-test"))
    done = "select coalesce(max(done), 0) from pra_store.progress"
    found = follow(world, process, {"stage": number}, done, steps, "steps", "pra stage")
    wrong = world.server.sql("""
        select message from pra.jobs where arguments ->> 'act' = 'train' and state <> 'succeeded'""")
    if wrong:
        raise SystemExit(f"soak: the stage failed: {wrong}")
    return found


def sessions(world, rounds):
    """One session in each role."""
    world.enqueue("soak", rounds + 1)
    for role in ("read", "submit", "worker"):
        client = world.start("chaos-client", "session", world.server.url(), f"pra_{role}", str(rounds),
                             str(world.run))
        here = Series(f"client of pra_{role}", "rounds")
        there = Series(f"session of pra_{role}", "rounds")
        for line in client.stdout:
            done, backend, prepared = map(int, line.split())
            here.add(done, usage(client.pid))
            if held := usage(backend):
                there.add(done, {**held, "prepared statements": prepared})
        if client.wait():
            raise SystemExit(f"soak: the session of pra_{role} failed")
        yield from (here, there)


def follow(world, process, watched, query, total, unit, sessions):
    """Reads what processes hold until the agent has ended, and what the server's do for their sessions."""
    found = {name: Series(name, unit) for name in watched}
    wanted = 0
    while process.poll() is None:
        done = world.number(query)
        if done >= wanted:
            wanted = done + total / READINGS
            for name, number in watched.items():
                found[name].add(done, usage(number))
            for name, number in world.backends().items():
                # A session of a moment, as that of a checkpoint, has nothing to be compared with.
                if name.startswith(sessions) and name.split()[-1] != "checkpoint":
                    found.setdefault(name, Series(f"session {name}", unit)).add(done, usage(number))
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"soak: the agent ended with {process.returncode}")
    return [series for name, series in found.items() if name in watched or len(series.points) >= 8]


def child(parent, name):
    """The process of a name that another has started."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                text = file.read()
        except OSError:
            continue
        if f"({name})" in text and text.rsplit(")", 1)[1].split()[1] == str(parent):
            return int(entry)
    return None
