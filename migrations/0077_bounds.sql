-- Bounds weights and time limits: shares are quotients of weights and sums of them, which overflowed beside a weight
-- of 1e-320, as did the end of an attempt of 400,000 years, and a claim or a heartbeat that failed ended every worker.

set local role pra_owner;

alter table pra_store.runs drop constraint runs_weight_check;
update pra_store.runs set weight = least(greatest(weight, 1e-6), 1e6) where weight not between 1e-6 and 1e6;
alter table pra_store.runs add constraint runs_weight_check check (weight between 1e-6 and 1e6);

alter table pra_store.users drop constraint users_weight_check;
update pra_store.users set weight = least(greatest(weight, 1e-6), 1e6) where weight not between 1e-6 and 1e6;
alter table pra_store.users add constraint users_weight_check check (weight between 1e-6 and 1e6);

update pra_store.jobs set time_limit = interval '100 years'
where state in ('blocked', 'ready', 'running') and time_limit > interval '100 years';
