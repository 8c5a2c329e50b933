create or replace view pra.images as
select
  j.run_id, i.job_id, i.number, i.label, i.class_name, i.seed, encode(i.sha256, 'hex') as sha256,
  a.size, i.epoch, null::bigint as place, null::integer as side, null::integer as channels, null::text as digest
from pra_store.images as i
join pra_store.jobs as j on j.id = i.job_id
join pra_store.artifacts as a on a.sha256 = i.sha256
union all
select
  j.run_id, s.job_id, s.first + e.ordinal - 1, e.label, e.class_name, s.seed, encode(s.sha256, 'hex'),
  s.side::bigint * s.side * s.channels, s.epoch,
  s.place + (e.ordinal - 1) * s.side * s.side * s.channels, s.side, s.channels, lpad(to_hex(e.digest), 16, '0')
from pra_store.image_sets as s
join pra_store.jobs as j on j.id = s.job_id
cross join lateral unnest(s.labels, s.class_names, s.digests) with ordinality
  as e (label, class_name, digest, ordinal);

grant select on pra.images to pra_submit, pra_worker, pra_read;

comment on view pra.images is 'One row per sampled image';
comment on column pra.images.run_id is 'run of the job';
comment on column pra.images.job_id is 'job that sampled it';
comment on column pra.images.number is 'number of the image within the sampling run, from 0';
comment on column pra.images.label is 'number of its class';
comment on column pra.images.class_name is 'name of its class';
comment on column pra.images.seed is 'sampling seed';
comment on column pra.images.sha256 is
  'SHA-256 of the artifact that holds it: the packed set of its job, or a PNG of its own (before 0.2)';
comment on column pra.images.size is 'bytes of the image in that artifact';
comment on column pra.images.epoch is 'attempt that committed it';
comment on column pra.images.place is
  'byte of the packed set at which its pixels begin, row by row; null for a PNG of its own';
comment on column pra.images.side is 'width and height in pixels; null for a PNG of its own';
comment on column pra.images.channels is '3 for RGB, 1 for gray; null for a PNG of its own';
comment on column pra.images.digest is
  'first 16 hexadecimal digits of the SHA-256 of its pixels; null for a PNG of its own';
