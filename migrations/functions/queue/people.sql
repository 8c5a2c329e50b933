-- People: for whom a session acts, and on what it may.

-- The person for whom the session acts: its login, or whom a member of pra_proxy names.
create or replace function pra_store.actor() returns text
language sql stable
as $$
  select case when pg_has_role(session_user, to_regrole('pra_proxy'), 'member')
    then coalesce(nullif(current_setting('pra.actor', true), ''), session_user)
    else session_user end;
$$;

-- Whether a login is an operator. A member of pra_owner is one, as is a superuser.
create or replace function pra_store.operates(login text) returns boolean
language sql stable
as $$
  select case when to_regrole(quote_ident(login)) is null then false
    else pg_has_role(login, 'pra_owner', 'member')
      or coalesce(pg_has_role(login, to_regrole('pra_operator'), 'member'), false) end;
$$;

-- Whether the session may act on everything. A program that acts for others says of each whether the person operates
-- (pra.operates), as far as its own login does.
create or replace function pra_store.is_operator() returns boolean
language sql stable
as $$
  select case when pra_store.actor() = session_user then pra_store.operates(session_user)
    else pra_store.operates(pra_store.actor())
      or coalesce(current_setting('pra.operates', true), '') = 'yes' and pra_store.operates(session_user) end;
$$;

-- Raises 42501 unless the session may act on what is nobody's own.
create or replace function pra_store.require_operator(what text) returns void
language plpgsql stable
as $$
begin
  if not pra_store.is_operator() then
    raise exception '%: % may not, this is for operators', what, pra_store.actor() using errcode = '42501',
      hint = format('The owner of the database, or a superuser, says in it: grant pra_operator to %I', pra_store.actor());
  end if;
end
$$;

-- Raises 42501 if a run is of somebody else, for whom the session may not act.
create or replace function pra_store.require_own_run(run bigint) returns void
language plpgsql stable
as $$
declare
  other text;
begin
  select r.created_by into other from pra_store.runs as r
  where r.id = require_own_run.run and r.created_by <> pra_store.actor();
  if found and not pra_store.is_operator() then
    raise exception 'run: % was created by %, who may do this, as may operators', run, other using errcode = '42501',
      hint = format('The owner of the database, or a superuser, says in it: grant pra_operator to %I', pra_store.actor());
  end if;
end
$$;

-- Raises 42501 for jobs of somebody else in the same way: those are one's own that one has enqueued, and those of one's own runs.
create or replace function pra_store.require_own_jobs(jobs bigint[]) returns void
language plpgsql stable
as $$
declare
  me text := pra_store.actor();
  other record;
begin
  select j.id, j.created_by into other
  from pra_store.jobs as j join pra_store.runs as r on r.id = j.run_id
  where j.id = any(require_own_jobs.jobs) and j.created_by <> me and r.created_by <> me
  order by j.id limit 1;
  if found and not pra_store.is_operator() then
    raise exception 'job: % was enqueued by %, who may do this, as may operators', other.id, other.created_by
      using errcode = '42501',
        hint = format('The owner of the database, or a superuser, says in it: grant pra_operator to %I', me);
  end if;
end
$$;

-- Raises 42501 for a schedule of somebody else in the same way.
create or replace function pra_store.require_own_schedule(name text) returns void
language plpgsql stable
as $$
declare
  other text;
begin
  select s.created_by into other from pra_store.schedules as s
  where s.name = require_own_schedule.name and s.created_by <> pra_store.actor();
  if found and not pra_store.is_operator() then
    raise exception 'name: schedule "%" was set by %, who may do this, as may operators', name, other
      using errcode = '42501';
  end if;
end
$$;
