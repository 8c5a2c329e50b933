-- Lets a program that acts for several people, such as the dashboard, say for whom: the journal names that person.

do $$
begin
  if to_regrole('pra_proxy') is null then
    create role pra_proxy nologin;
  end if;
exception
  -- Another database of the server is being migrated; or an administrator makes the role when somebody needs it.
  when duplicate_object or unique_violation or insufficient_privilege then null;
end
$$;

set local role pra_owner;

-- The setting pra.actor counts in sessions of logins that are members of pra_proxy, and in no other. Where there is no
-- such role the test is null.
alter table pra_store.events alter column actor set default
  case when pg_has_role(session_user, to_regrole('pra_proxy'), 'member')
    then coalesce(nullif(current_setting('pra.actor', true), ''), session_user)
    else session_user end;
