-- Results that are computed once for an artifact, and kept.

create or replace function pra.keep_result(
  job bigint, epoch bigint, source text, what text, sha256 text, token uuid default null
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  digest bytea;
begin
  perform pra_store.hold(job, epoch, false, token);
  if length(keep_result.what) not between 1 and 500 or keep_result.what is null then
    raise exception 'what: must have 1 to 500 characters' using errcode = 'PR003';
  end if;
  perform pra_store.stored_artifact(keep_result.source, 'source');
  digest := pra_store.stored_artifact(keep_result.sha256, keep_result.what);
  insert into pra_store.kept_results as k (source, what, sha256, job_id)
  values (pra_store.digest(keep_result.source), keep_result.what, digest, job)
  on conflict on constraint kept_results_pkey do update
  set sha256 = excluded.sha256, job_id = excluded.job_id, kept_at = clock_timestamp();
end
$$;

grant execute on function pra.keep_result to pra_worker;

comment on function pra.keep_result is
'Keeps an artifact as the result of a computation that depends on another artifact, source, and on the words of what
alone. pra.kept_results shows it to every later job; a second result replaces the first. It goes when garbage
collection deletes the source.
Raises PR001 when the attempt has lost its lease, PR002 when one of the artifacts is not stored, PR003 for a bad
sha256 or for words of no or more than 500 characters.';
