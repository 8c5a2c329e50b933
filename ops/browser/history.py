"""A made-up history for the dashboard: runs, jobs, series, images, workers; as much of each as is asked for."""
import hashlib
import math
import random
import struct

#: Rows go in as they are: their triggers have run when the history was lived.
BEGIN = "begin; set local session_replication_role = replica;"

RUNS = """
insert into pra_store.queues (name) values ('default') on conflict do nothing;
insert into pra_store.runs (name, configuration, created_by, created_at, tags)
select (array['emoji', 'imagenet-s', 'sweep', 'wide', 'claims'])[1 + i % 5] || '-' || i,
  jsonb_build_object('config', jsonb_build_object('method', (array['pra', 'pra', 'clean-input'])[1 + i % 3], 'preset', 'nano',
    'seed', i % 4, 'training', jsonb_build_object('lr', (array[0.001, 0.002, 0.0005])[1 + i % 3], 'total', 1500, 'batch', 48))),
  (array['ann', 'bob', 'eve'])[1 + i % 3], now() - interval '1 minute' * ({runs} - i + 90), '{{}}'
from generate_series(1, {runs}) as i;
insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
select r.id, 'default', k.kind, '[]', '{{}}', ''
from pra_store.runs as r cross join unnest(array['ingest', 'train', 'sample', 'evaluate']) as k (kind);
"""

JOBS = """
insert into pra_store.jobs (run_id, kind, queue, arguments, state, run_after, epoch, fault_retries, lost_retries,
  timeout_retries, lane_id, created_at, started_at, finished_at, message, place, due)
select l.run_id, l.kind, 'default', '{{}}', s.state::pra.job_state, r.created_at, 1, 3, 5, 1, l.id, r.created_at,
  r.created_at + interval '5 s',
  case when s.state <> 'ready' then r.created_at + interval '20 min' end,
  case when s.state = 'failed' then 'loss is not finite since step 812' end, extract(epoch from r.created_at), true
from pra_store.lanes as l
join pra_store.runs as r on r.id = l.run_id
cross join generate_series(1, {each}) as n
cross join lateral (select case when l.run_id % 37 = 0 and l.kind = 'train' then 'failed'
  when l.run_id % 2 = 0 and n > 3 then 'ready' else 'succeeded' end as state) as s;
"""

#: Jobs in line, the same number for each of half of the runs.
IN_LINE = """
insert into pra_store.jobs (run_id, kind, queue, arguments, state, run_after, epoch, fault_retries, lost_retries,
  timeout_retries, lane_id, created_at, place, due)
select l.run_id, l.kind, 'default', '{{}}', 'ready', r.created_at, 0, 3, 5, 1, l.id, r.created_at, extract(epoch from r.created_at), true
from pra_store.lanes as l
join pra_store.runs as r on r.id = l.run_id
cross join generate_series(1, {waiting} * 2 / {runs}) as n
where l.kind = 'sample' and l.run_id % 2 = 0 and l.run_id <= {runs};
"""

FIGURES = """
insert into pra_store.metric_names (name, better) values ('loss', 'down'), ('loss.flow', 'down'), ('loss.rec', 'down'),
  ('grad_norm', 'down'), ('lr', 'down'), ('images_per_second', 'up') on conflict do nothing;
insert into pra_store.metric_ranges (job_id, epoch, from_step)
select j.id, 1, 0 from pra_store.jobs as j where j.kind = 'train' on conflict do nothing;
create temporary table trained as
select distinct on (j.run_id) j.id, j.run_id, row_number() over () as n from pra_store.jobs as j
where j.kind = 'train' and j.state = 'succeeded' order by j.run_id, j.id;
insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
select now(), t.id, 1, (select id from pra_store.metric_names where name = 'loss'), s * 30,
  0.6 + t.run_id % 7 * 0.02 + 0.5 * exp(-s / 12.0) + 0.02 * sin(s * 1.7 + t.run_id)
from trained as t cross join generate_series(0, 49) as s where t.n > {long};
-- And some as long as a day's training.
insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
select now(), t.id, 1, (select id from pra_store.metric_names where name = 'loss'), s,
  0.6 + t.run_id % 7 * 0.02 + 0.5 * exp(-s / 12000.0) + 0.02 * sin(s * 1.7 + t.run_id)
from trained as t cross join generate_series(0, {long_steps} - 1) as s where t.n <= {long};
insert into pra_store.evaluations (job_id, metric, scope, epoch, value, images, details)
select t.id, 'frechet.random-conv-32-v1', 'overall', 1, 2.2 + (t.run_id % 23) / 10.0, 1870,
  '{{"ruler": {{"images": 1870, "data_set": "3fa2b1c04d5e"}}}}'
from trained as t where t.run_id % 3 > 0;
"""

#: A series of {steps} steps of one job, with spikes and one value that is none.
SERIES = """
insert into pra_store.metric_ranges (job_id, epoch, from_step) values ({job}, 1, 0) on conflict do nothing;
insert into pra_store.metrics (recorded_at, job_id, epoch, name_id, step, value)
select now(), {job}, 1, n.id, s,
  case when s = {steps} / 2 then 'NaN'::double precision
    else {base} + 0.4 * exp(-4.0 * s / {steps}) + 0.006 * sin(s * 12.9898) + case when s % ({steps} / 5) = 177 then 0.35 else 0 end end
from generate_series(0, {steps} - 1) as s, pra_store.metric_names as n where n.name = '{name}';
"""

SUMMARIES = """
insert into pra_store.metric_rollups (job_id, name_id, bucket, points, not_finite, total, last_step, last_value, min_step,
  min_value, max_step, max_value)
select m.job_id, m.name_id, m.step / 256, count(*), count(*) filter (where m.value = 'NaN'),
  coalesce(sum(m.value) filter (where m.value <> 'NaN'), 0), max(m.step), (array_agg(m.value order by m.step desc))[1],
  min(m.step), min(m.value) filter (where m.value <> 'NaN'), min(m.step), max(m.value) filter (where m.value <> 'NaN')
from pra_store.metrics as m group by 1, 2, 3;
insert into pra_store.metric_summaries (job_id, name_id, points, not_finite, last_step, last_value, min_step, min_value,
  max_step, max_value)
select r.job_id, r.name_id, sum(r.points), sum(r.not_finite), max(r.last_step),
  (array_agg(r.last_value order by r.bucket desc))[1], min(r.min_step), min(r.min_value), min(r.max_step), max(r.max_value)
from pra_store.metric_rollups as r group by 1, 2;
"""


def picture(number, step, shift):
    """32 x 32 RGB pixels: a disc whose noise falls with the step."""
    random.seed(number)
    colour = [random.randrange(40, 220) for _ in range(3)]
    noise = max(8, 120 - step // 300)
    out = bytearray()
    for y in range(32):
        for x in range(32):
            inside = math.hypot(x - 15.5, y - 15.5) < 9 + number % 5 + shift
            for c in range(3):
                value = (colour[c] if inside else 245) + random.randrange(-noise, noise)
                out.append(max(0, min(255, value)))
    return bytes(out)


def images(server, run, job, train, step, shift, count=64):
    """A sampling job that has drawn `count` pictures with the weights of a step."""
    pictures = [picture(n, step, shift) for n in range(count)]
    packed = b"".join(pictures)
    sha = hashlib.sha256(packed).hexdigest()
    digests = [struct.unpack(">q", hashlib.sha256(one).digest()[:8])[0] for one in pictures]
    names = "','".join(["flags", "faces", "signs", "animals"][n % 4] for n in range(count))
    server.sql(f"""{BEGIN}
      insert into pra_store.artifacts (sha256, size, media_type, bytes)
      values ('\\x{sha}', {len(packed)}, 'application/octet-stream', '\\x{packed.hex()}') on conflict do nothing;
      update pra_store.jobs set arguments = '{{"train": {train}, "sampling": {{"weights": "ema-0.999", "method": "sde",
        "steps": 50, "scale": 1.5, "seed": 0}}, "count": {count}}}', result = '{{"step": {step}}}' where id = {job};
      insert into pra_store.image_sets (job_id, epoch, first, seed, sha256, place, side, channels, labels, class_names, digests)
      values ({job}, 1, 0, 0, '\\x{sha}', 0, 32, 3, array[{','.join(str(n % 4) for n in range(count))}],
        array['{names}'], array[{','.join(map(str, digests))}]);
      commit;""")


#: A run at work on its third attempt, after a lost machine; jobs that wait for every usual reason; a dead worker.
PRESENT = """
insert into pra_store.workers (name, version, labels, queues, kinds, slots, lease, lease_expires_at)
select 'a' || n, '0.2.0', jsonb_build_object('host', 'a' || n, 'vram_gib', '24'), '{{default}}', '{{train,sample,evaluate}}', 2,
  '1 day', now() + interval '1 day' from generate_series(1, 7) as n;
update pra_store.workers set version = '0.1.0' where name = 'a3';
insert into pra_store.workers (name, version, labels, queues, kinds, slots, lease, lease_expires_at, beat_at)
values ('b1', '0.2.0', '{{"host": "b1"}}', '{{default}}', '{{train}}', 1, '30 s', now() - interval '3 min', now() - interval '4 min');
insert into pra_store.runs (name, configuration, created_by, created_at, note)
values ('emoji', '{{"config": {{"method": "pra", "preset": "nano", "seed": 0, "training": {{"total": 40000, "lr": 0.002, "batch": 48}},
  "perturb": {{"t_min": 0.5}}}}}}', 'ann', now() - interval '70 min', 'longer, after the sweep');
insert into pra_store.lanes (run_id, queue, kind, requirements, limits, key)
select r.id, 'default', k.kind, '[]', '{{}}', '' from pra_store.runs as r,
  unnest(array['ingest', 'train', 'sample', 'evaluate']) as k (kind) where r.name = 'emoji';
insert into pra_store.jobs (run_id, kind, queue, arguments, state, run_after, epoch, fault_retries, lost_retries,
  timeout_retries, lane_id, created_at, started_at, finished_at, worker_id, unmet, place, due)
select l.run_id, l.kind, 'default', '{{}}', (case l.kind when 'ingest' then 'succeeded' when 'train' then 'running'
    else 'blocked' end)::pra.job_state,
  now(), case l.kind when 'train' then 3 when 'ingest' then 1 else 0 end, 3, 5, 1, l.id, now() - interval '70 min',
  now() - interval '65 min', case when l.kind = 'ingest' then now() - interval '66 min' end,
  case when l.kind = 'train' then (select id from pra_store.workers where name = 'a7') end,
  case when l.kind in ('sample', 'evaluate') then 1 else 0 end, 0, true
from pra_store.lanes as l join pra_store.runs as r on r.id = l.run_id where r.name = 'emoji'
order by array_position(array['ingest', 'train', 'sample', 'evaluate'], l.kind);
insert into pra_store.job_dependencies (job_id, parent_id)
select j.id, p.id from pra_store.jobs as j join pra_store.jobs as p on p.run_id = j.run_id
where j.kind = 'sample' and p.kind = 'train' and j.state = 'blocked';
insert into pra_store.job_dependencies (job_id, parent_id)
select j.id, p.id from pra_store.jobs as j join pra_store.jobs as p on p.run_id = j.run_id
where j.kind = 'evaluate' and p.kind = 'sample' and j.state = 'blocked';
insert into pra_store.attempts (job_id, epoch, worker_id, started_at, ended_at, outcome, from_step, continues_epoch, message, cause)
select j.id, a.epoch, w.id, a.started_at, a.ended_at, a.outcome::pra.attempt_outcome, a.from_step, nullif(a.epoch - 1, 0), a.message, a.cause
from pra_store.jobs as j, (values
  (1, 'a2', now() - interval '65 min', now() - interval '40 min', 'preempted', 0, null, 'asked'),
  (2, 'b1', now() - interval '39 min', now() - interval '14 min', 'lost', 14000, 'no beat for 30 s', 'lease-lost'),
  (3, 'a7', now() - interval '13 min', null, null, 28000, null, null)
) as a (epoch, worker, started_at, ended_at, outcome, from_step, message, cause)
join pra_store.workers as w on w.name = a.worker where j.state = 'running' and j.kind = 'train';
insert into pra_store.progress (job_id, epoch, done, total, unit, rate)
select j.id, 3, 31400, 40000, 'steps', 6.8 from pra_store.jobs as j where j.state = 'running' and j.kind = 'train';
"""

#: Further jobs by the queue's own functions; without contracts, since their arguments are none.
WAITING = """
delete from pra_store.kinds;
select pra.create_run(name => 'paused-by-ann') as run \\gset
select pra.enqueue(kind => 'train', run => :run, arguments => '{{}}') from generate_series(1, 4);
select pra.pause_run(run => :run);
select pra.create_run(name => 'large') as run \\gset
select pra.enqueue(kind => 'train', run => :run, arguments => '{{}}', requirements => array['vram_gib>=40']) from generate_series(1, 28);
select pra.set_limit(name => 'licence', slots => 0);
select pra.enqueue(kind => 'sample', run => :run, arguments => '{{}}', limits => array['licence']) from generate_series(1, {limited});
select pra.schedule(name => 'nightly', cron => '0 3 * * *', run => :run, kind => 'evaluate', arguments => '{{}}');
"""


def seed(server, runs=300, each=2, steps=31_400, limited=18, waiting=0, long=0, long_steps=100_000):
    """Fills a migrated database; returns the numbers of the run at work, of its training and of two others with images."""
    server.sql(f"{BEGIN} {RUNS.format(runs=runs)} {JOBS.format(each=each)} "
               f"{IN_LINE.format(waiting=waiting, runs=runs)} {FIGURES.format(long=long, long_steps=long_steps)} {PRESENT.format()} commit;")
    run, job = server.sql(
        "select run_id, id from pra_store.jobs where state = 'running' and kind = 'train'").split("|")
    named = [("loss", 0.55), ("loss.flow", 0.5), ("loss.rec", 0.1), ("grad_norm", 0.9)]
    for name, base in named:
        server.sql(BEGIN + SERIES.format(job=job, steps=steps, name=name, base=base) + "commit;")
    server.sql(f"{BEGIN} insert into pra_store.metrics select now(), {job}, 1, n.id, {steps} - 1, 412.3 "
               "from pra_store.metric_names as n where n.name = 'images_per_second'; "
               f"{SUMMARIES} select count(pra_store.settle_series(id)) from pra_store.jobs where kind = 'train' and state <> 'running'; "
               "commit;")
    others = server.sql("select string_agg(id::text, ',') from (select id from pra_store.runs where id % 37 > 0 "
                        "and name like 'emoji-%' order by id limit 2) as r").split(",")
    for shift, one in enumerate(others):
        samples = server.sql(f"select id from pra_store.jobs where run_id = {one} and kind = 'sample' order by id").split()
        train = server.sql(f"select min(id) from pra_store.jobs where run_id = {one} and kind = 'train'")
        for place, sample in enumerate(samples[:2]):
            images(server, one, sample, train, 15_000 * (place + 1), shift * 2)
    server.sql(WAITING.format(limited=limited))
    server.sql("vacuum analyze;")
    return {"run": run, "job": job, "others": others}
