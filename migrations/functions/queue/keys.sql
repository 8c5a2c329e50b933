-- Locks on names of things: of two transactions with one key the second waits for the end of the first.

-- A row that another transaction has inserted and not yet committed keeps its key from all others, also when that
-- transaction has deleted it again; so nothing stays behind. Advisory locks have numbers that every login of the
-- database may take and keep.
create or replace function pra_store.lock_key(key text) returns void
language plpgsql
as $$
#variable_conflict use_column
begin
  insert into pra_store.keys (key) values (lock_key.key);
  delete from pra_store.keys where key = lock_key.key;
end
$$;

create or replace function pra.lock_name(name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Submitters wait for submitters alone.
  perform pra_store.lock_key('submitter: ' || left(name, 1000));
end
$$;

grant execute on function pra.lock_name to pra_submit;

comment on function pra.lock_name is
'Waits until no other transaction has asked for this name, the first 1,000 characters of which count, and has it until the
end of the transaction: so of two clients that look for a run of a name, and create it where there is none, the second
finds that of the first.';
