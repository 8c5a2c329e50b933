create or replace view pra.kept_results as
select
  encode(k.source, 'hex') as source, k.what, encode(k.sha256, 'hex') as sha256, a.size, a.media_type, k.job_id,
  k.kept_at
from pra_store.kept_results as k join pra_store.artifacts as a on a.sha256 = k.sha256;

grant select on pra.kept_results to pra_submit, pra_worker, pra_read;

comment on view pra.kept_results is
  'One row per result that was computed once for an artifact and is kept for later jobs';
comment on column pra.kept_results.source is 'SHA-256 of the artifact that it was computed from, such as a data set';
comment on column pra.kept_results.what is 'computation, with everything else that it depends on';
comment on column pra.kept_results.sha256 is 'SHA-256 of the result, an artifact';
comment on column pra.kept_results.size is 'size of the result in bytes';
comment on column pra.kept_results.media_type is 'media type of the result';
comment on column pra.kept_results.job_id is 'job that computed it';
comment on column pra.kept_results.kept_at is 'time when it was kept';
