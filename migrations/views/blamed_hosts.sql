create or replace view pra.blamed_hosts as
select b.host, b.blamed_at, b.until, b.reason from pra_store.blamed_hosts as b
where b.until > statement_timestamp();

grant select on pra.blamed_hosts to pra_submit, pra_worker, pra_read;

comment on view pra.blamed_hosts is 'Hosts that get no work because several jobs crashed there';
comment on column pra.blamed_hosts.host is 'label host of its workers, else their name';
comment on column pra.blamed_hosts.blamed_at is 'time since which it gets no work';
comment on column pra.blamed_hosts.until is
  'time when it gets work again; pra.forgive_host ends it earlier';
comment on column pra.blamed_hosts.reason is 'description of the crashes';
