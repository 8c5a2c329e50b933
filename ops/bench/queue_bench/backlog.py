"""A claim beside a long line and a long history."""
import threading

from queue_bench.bench import percentile


def backlog(bench):
    """A claim of 100 takes no longer with a million jobs in line and ten million that have ended."""
    finished = bench.options.history
    name = bench.database()
    bench.enqueue_singly(name, 100_000)
    empty = claims(bench, name)
    name = bench.database()
    bench.enqueue_singly(name, 1)
    make_history(bench, name, finished)
    bench.make_ready(name, 1_000_000)
    bench.server.sql("vacuum analyze", name)
    bench.server.sql("checkpoint", name)
    full = claims(bench, name)
    for share in (0.5, 0.99):
        for what, values in (("hardly any history", empty), (f"1M ready, {finished:,} finished", full)):
            bench.results.add(f"claim of 100 p{share * 100:.0f}, {what}", percentile(values, share), "ms")
    bench.results.add(f"claim of 100 p99, 1M ready and {finished:,} finished to hardly any",
                      percentile(full, 0.99) / percentile(empty, 0.99), "times", "<= 1.5")


def claims(bench, name):
    """Milliseconds that each claim took while one worker did 100,000 jobs."""
    _, _, crew = bench.work(name, 1, 100_000, BENCH_TIMES="1")
    return [us / 1e3 for us in crew[0].values("claim")]


def make_history(bench, name, count):
    """Jobs that have ended, with their attempts, as the queue would have left them."""
    bench.server.sql("alter system set max_wal_size = '16GB'; select pg_reload_conf()", name)
    worker = bench.server.sql(
        "set role pra_worker; select worker from pra.register_worker('past', '{}', '{default}', '{noop}')", name)
    statement = f"""
      with past as (
        insert into pra_store.jobs (run_id, kind, queue, arguments, state, run_after, epoch,
          fault_retries, lost_retries, timeout_retries, lane_id, place, created_at, started_at,
          finished_at, result)
        select j.run_id, j.kind, j.queue, '{{"i": 1}}', 'succeeded', now(), 1, 3, 5, 1, j.lane_id,
          j.place - 1000, now(), now(), now(), '{{}}'
        from (select * from pra_store.jobs where state = 'ready' limit 1) as j,
          generate_series(1, {count // 10})
        returning id)
      insert into pra_store.attempts (job_id, epoch, worker_id, ended_at, outcome, exit_code, cause,
        batched)
      select id, 1, {worker}, now(), 'succeeded', 0, 'exit-code', true from past;"""
    threads = [threading.Thread(target=lambda: [bench.server.sql(statement, name) for _ in range(5)])
               for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.server.sql("alter system reset max_wal_size; select pg_reload_conf()", name)
