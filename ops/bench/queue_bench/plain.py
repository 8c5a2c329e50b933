"""The limits that a queue on this server could reach at most: the disk, and plain statements."""
import os
import statistics
import tempfile
import time

TABLE = """
  drop table if exists q; create table q (id bigint generated always as identity primary key,
    lease timestamptz not null default '-infinity', attempt int not null default 0,
    payload text not null default '{"i":1}') with (fillfactor=45,
    autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000,
    autovacuum_vacuum_cost_delay=0);"""
INSERT_MANY = "insert into q (payload) select '{\"i\":1}' from generate_series(1, %d);"
CLAIM_AND_DELETE = """
  with c as (update q set lease = now() + interval '30 s', attempt = attempt + 1
    where id = any(array(select id from q where lease < now() order by id limit 100
                         for update skip locked)) returning id, attempt)
  select array_agg(id) as ids, array_agg(attempt) as attempts from c \\gset
  delete from q using unnest(:ids::bigint[], :attempts::int[]) as m (id, attempt)
    where q.id = m.id and q.attempt = m.attempt;"""


def disk(bench):
    """The time of one fdatasync, which every commit waits for."""
    path = os.path.join(tempfile.gettempdir(), f"pra-bench-{os.getpid()}")
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 8192)
            start = time.monotonic()
            os.fdatasync(file.fileno())
            times.append(time.monotonic() - start)
    os.unlink(path)
    bench.results.add("fdatasync of 8 kB", 1e3 * statistics.median(times), "ms", note="median of 200")


def raw(bench):
    """A table without retries, priorities and history, by pgbench."""
    server, seconds = bench.server, bench.options.seconds
    server.sql("create database raw")
    server.sql(TABLE, "raw")
    bench.results.add("raw: insert, 10,000 a statement",
                      10_000 * server.pgbench(INSERT_MANY % 10_000, 1, seconds), "jobs/s")
    bench.results.add("raw: insert, one at a time",
                      server.pgbench("insert into q (payload) values ('{\"i\":1}');", 1, seconds), "jobs/s")
    for clients in (1, 2, 4):
        server.sql(TABLE + INSERT_MANY % 1_200_000 + "vacuum analyze q;", "raw")
        before = server.processor_seconds()
        rate = 100 * server.pgbench(CLAIM_AND_DELETE, clients, seconds)
        used = server.processor_seconds() - before
        bench.raw_rates[clients] = rate
        bench.results.add(f"raw: claim 100, delete 100; {clients} clients", rate, "jobs/s",
                          note=f"{1e6 * used / (rate * seconds):.1f} server us/job")
