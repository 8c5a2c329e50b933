-- Records the lacks of hosts, which are no faults of jobs: a worker says what its host lacks and claims nothing, and
-- an attempt that ended for it spends no try.

set local role pra_owner;

alter table pra_store.workers
  add column lack text,
  add column lack_since timestamptz,
  add check ((lack is null) = (lack_since is null));

alter table pra_store.jobs
  add column host_faults integer not null default 0 check (host_faults >= 0),
  -- A host that other workers are preferred to, for a while.
  add column avoided_host text,
  add column avoided_until timestamptz,
  add check ((avoided_host is null) = (avoided_until is null));
