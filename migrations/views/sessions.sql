create or replace view pra.sessions as
select
  (select count(*) from pg_stat_activity as a where a.backend_type = 'client backend') as used,
  least(
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
      - coalesce(current_setting('reserved_connections', true)::integer, 0),
    (select nullif(d.datconnlimit, -1) from pg_database as d where d.datname = current_database()),
    (select nullif(r.rolconnlimit, -1) from pg_roles as r where r.rolname = session_user)) as places,
  count(*) as workers, coalesce(sum(3 + 2 * w.slots), 0)::bigint as needed
from pra_store.workers as w
where w.stopped_at is null and greatest(w.lease_expires_at, pg_postmaster_start_time() + w.lease) > statement_timestamp();

grant select on pra.sessions to pra_submit, pra_worker, pra_read;

comment on view pra.sessions is 'Sessions of the server, in one row';
comment on column pra.sessions.used is 'number of sessions that are open, of whatever program';
comment on column pra.sessions.places is
  'number of sessions that the server, the database and this login allow, without those for superusers';
comment on column pra.sessions.workers is 'number of live workers';
comment on column pra.sessions.needed is
  'number of sessions that they need while all their slots are busy: three each, and two for each slot; idle they need one';
