-- Why a job waits, in one row: pra.why_pending. What 0017 made gives its reasons one by one.

set local role pra_owner;

alter function pra.why_pending(bigint) set schema pra_store;
alter function pra_store.why_pending(bigint) rename to reasons;
revoke execute on function pra_store.reasons from pra_submit, pra_worker, pra_read;

-- Why a job does not run: always one row. The words for programs, in order and each once (0017 lists
-- them), with a comma between; and a sentence for people, with all that stands in its way.
create function pra.why_pending(job bigint) returns table (reason text, detail text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    select
      (select string_agg(f.reason, ', ' order by f.n)
       from (select one.reason, min(one.n) as n from unnest(array_agg(w.reason))
               with ordinality as one (reason, n) group by one.reason) as f),
      string_agg(w.detail, '; ' order by w.n)
    from pra_store.reasons(why_pending.job) with ordinality as w (reason, detail, n);
end
$$;
grant execute on function pra.why_pending to pra_submit, pra_worker, pra_read;

create or replace function pra.why(job bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select w.detail from pra.why_pending(why.job) as w; $$;
