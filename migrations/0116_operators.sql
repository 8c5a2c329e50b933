-- Submitters act on their own runs; operators on all, on queues, limits and workers.

do $$
begin
  if to_regrole('pra_operator') is null then
    create role pra_operator nologin;
  end if;
  grant pra_submit to pra_operator;
exception
  -- Another database of the server is being migrated; or an administrator makes the role when somebody needs it.
  when duplicate_object or unique_violation or insufficient_privilege then null;
end
$$;

set local role pra_owner;

-- A program that acts for several people says for whom (0106): what it makes is that person's.
alter table pra_store.runs alter column created_by set default
  case when pg_has_role(session_user, to_regrole('pra_proxy'), 'member')
    then coalesce(nullif(current_setting('pra.actor', true), ''), session_user)
    else session_user end;
alter table pra_store.jobs alter column created_by set default
  case when pg_has_role(session_user, to_regrole('pra_proxy'), 'member')
    then coalesce(nullif(current_setting('pra.actor', true), ''), session_user)
    else session_user end;
alter table pra_store.schedules alter column created_by set default
  case when pg_has_role(session_user, to_regrole('pra_proxy'), 'member')
    then coalesce(nullif(current_setting('pra.actor', true), ''), session_user)
    else session_user end;
