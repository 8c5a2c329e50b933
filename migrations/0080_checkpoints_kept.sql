-- Checkpoints that are kept by a rule, and bytes that a running attempt has stored and not referred to yet.

set local role pra_owner;

-- The step from which a checkpoint's stretch of training begins: that of the checkpoint before it, which a rule may
-- have dropped since.
alter table pra_store.checkpoints add column since bigint;
update pra_store.checkpoints as c set since = coalesce(
  (select max(b.step) from pra_store.checkpoints as b
   where b.job_id = c.job_id and b.epoch = c.epoch and b.step < c.step),
  (select a.from_step from pra_store.attempts as a where a.job_id = c.job_id and a.epoch = c.epoch and a.from_step <= c.step),
  0);
alter table pra_store.checkpoints alter column since set not null;

-- Digests that an attempt has stored or asked to store, until a checkpoint of it refers to them. Rows of attempts
-- that have ended mean nothing, and garbage collection deletes them.
create table pra_store.pending_artifacts (
  job_id bigint not null,
  epoch bigint not null,
  sha256 bytea not null,
  primary key (job_id, epoch, sha256)
);
create index pending_artifacts_by_artifact on pra_store.pending_artifacts (sha256);

-- Attempts that run meanwhile have stored something of what was touched since they began.
insert into pra_store.pending_artifacts (job_id, epoch, sha256)
select j.id, j.epoch, t.sha256
from pra_store.jobs as j
join pra_store.attempts as a on a.job_id = j.id and a.epoch = j.epoch
cross join lateral (
  select f.sha256 from pra_store.artifacts as f where f.touched_at >= a.started_at
  union
  select o.sha256 from pra_store.objects as o where o.touched_at >= a.started_at
  union
  select u.sha256 from pra_store.uploads as u where u.job_id = j.id and u.epoch = j.epoch
) as t
where j.state = 'running' and j.array_first is null;

-- The job whose rule has dropped the last checkpoint that referred to an object: its attempt deletes the object.
alter table pra_store.objects add column dropped_by bigint;
create index objects_dropped on pra_store.objects (dropped_by) where dropped_by is not null;

-- It takes a rule as well.
drop function if exists pra.register_checkpoint(bigint, bigint, bigint, jsonb, uuid);
