-- Where the bytes of a file can be written before their digest is known.
--
-- Files were read twice, once for their name and once for their bytes, and hashed each time, so that a fast disk
-- waited for the processor. A folder can take bytes whose name comes later.

set local role pra_owner;

create index artifacts_of_size on pra_store.artifacts (size);

-- The folder of the store for new artifacts; null where that is none, and where an artifact of this size may be
-- the one that is stored now: then it is hashed first, and not sent if it is.
create function pra.store_folder(size bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select substr(s.location, 6) from pra_store.stores as s
  where s.is_current and s.location like 'file:%'
    and not exists (select from pra_store.artifacts as a where a.size = store_folder.size);
$$;

revoke execute on function pra.store_folder from public;
grant execute on function pra.store_folder to pra_worker, pra_submit;
