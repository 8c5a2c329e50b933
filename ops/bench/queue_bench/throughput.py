"""How many jobs a second are enqueued, and claimed and finished."""
import re
import statistics


def enqueue(bench):
    """One at a time, many in a statement, and a million as one array."""
    name = bench.database()
    url = bench.server.url(name)
    bench.results.add("enqueue, one at a time",
                      4000 / bench.contender.seconds("enqueue", url, 4000, "single"), "jobs/s")
    bench.results.add("enqueue, 10,000 a statement, own arguments",
                      1_000_000 / bench.contender.seconds("enqueue", url, 1_000_000, "bulk"), "jobs/s",
                      ">= 250000")
    array = "select pra.enqueue('noop', 1, '{}', array_first => 0, array_last => 999999);"
    times = [float(re.search(r"Time: ([0-9.]+)", bench.server.sql(f"\\timing on\n{array}", name)).group(1))
             for _ in range(5)]
    bench.results.add("enqueue an array of 1,000,000", times, "ms", "< 100")


def throughput(bench):
    """Jobs of arrays, a hundred to an attempt."""
    def prepare(name):
        bench.fill(name, 400_000)

    work_off(bench, "claim to finish, batched", prepare, 400_000, wanted=">= 100000", wanted_use="<= 10")


def singles(bench):
    """Jobs that were enqueued one by one, each an attempt of its own."""
    def prepare(name):
        bench.enqueue_singly(name, 40_000)
        bench.server.sql("vacuum analyze", name)

    work_off(bench, "claim to finish, enqueued singly", prepare, 40_000)


def work_off(bench, what, prepare, total, wanted=None, wanted_use=None):
    """Rates of 1, 2 and 4 workers. Decision 0071 says which marks the queue has, and which it gave up."""
    for workers in (1, 2, 4):
        rates, uses = [], []
        for _ in range(bench.options.repeats):
            name = bench.database()
            prepare(name)
            rate, used, _ = bench.work(name, workers, total)
            rates.append(rate)
            uses.append(used)
        note = ""
        if workers in bench.raw_rates:
            share = statistics.median(rates) / bench.raw_rates[workers]
            note = f"{100 * share:.0f} % of the raw limit"
        bench.results.add(f"{what}, {workers} workers", rates, "jobs/s", wanted, note)
        bench.results.add(f"{what}, {workers} workers: the server's time", uses, "us/job", wanted_use)


def one_by_one(bench):
    """One job at a time, ours and pgbench with the same statements in turns, each on jobs of its own."""
    ours, plain = [], []
    for _ in range(bench.options.repeats):
        name = bench.database()
        bench.enqueue_singly(name, 20_000)
        ours.append(bench.work(name, 1, 2000, BENCH_ONE="1")[0])
        worker, token = bench.server.sql(
            "set role pra_worker; select * from pra.register_worker('w', '{}', '{default}', '{noop}', 10000,"
            " '10 minutes')", name).split("|")
        plain.append(bench.server.pgbench(f"""
          select coalesce(min(job), 0) as job, coalesce(min(epoch), 0) as epoch,
              coalesce(min(token::text), '{token}') as token
            from pra.claim({worker}, 1, 0, '{token}') \\gset
          select pra.finish_many({worker}, array[:job]::bigint[], array[:epoch]::bigint[],
            tokens => array[:token]::uuid[], worker_token => '{token}');""",
                                          1, bench.options.seconds, name))
    bench.results.add("claim to finish, one at a time, 1 worker", ours, "jobs/s")
    bench.results.add("the same, of pgbench with the same statements",
                      100 * statistics.median(ours) / statistics.median(plain), "%", ">= 90",
                      f"pgbench {statistics.median(plain):,.0f} jobs/s")
