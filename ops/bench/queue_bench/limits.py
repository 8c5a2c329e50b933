"""What a limit costs, and sharing between runs."""
import statistics

COUNT = 2_000_000
ARRAY = ("select pra.enqueue('noop', {run}, '{{}}', array_first => 0, array_last => {last},"
         " pack => 100{more});")
WAYS = {
    "plain": ARRAY.format(run=1, last=COUNT - 1, more=""),
    "limited": ARRAY.format(run=1, last=COUNT - 1, more=", array_limit => 64"),
    "shared": "select pra.set_run_weight(pra.create_run('other'), 3);"
    + "".join(ARRAY.format(run=run, last=COUNT // 2 - 1, more="") for run in (1, 2)),
}
NAMES = {
    "plain": "an array, 2 workers",
    "limited": "the same under a limit of 64 attempts",
    "shared": "the same shared by runs of weights 1 and 3",
}


def limits(bench):
    """The same elements plain, under a limit, and shared by runs of two weights, in turns. What is lost is the
    median of the turns' own ratios, whose two sides meet the same minute of the machine."""
    rates = {way: [] for way in WAYS}
    uses = {way: [] for way in WAYS}
    for _ in range(max(11, bench.options.repeats)):
        for way, prepare in WAYS.items():
            name = bench.database()
            bench.server.sql(prepare, name)
            rate, used, _ = bench.work(name, 2, COUNT)
            rates[way].append(rate)
            uses[way].append(used)
    for way, name in NAMES.items():
        bench.results.add(name, rates[way], "jobs/s", note=f"{statistics.median(uses[way]):.2f} server us/job")
    for way, name in (("limited", "lost by a limit of 64 attempts"),
                      ("shared", "lost by sharing between two runs")):
        lost = [100 * (1 - a / b) for a, b in zip(rates[way], rates["plain"])]
        bench.results.add(name, lost, "%", note="each turn's own ratio")
