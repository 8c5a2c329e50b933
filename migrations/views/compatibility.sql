create or replace view pra.compatibility as
select c.reads_from, c.works_from from pra_store.compatibility as c;

grant select on pra.compatibility to pra_submit, pra_worker, pra_read;

comment on view pra.compatibility is 'The oldest programs that the schema admits, in one row';
comment on column pra.compatibility.reads_from is
  'version of the schema that a program must know, or a later one, to read';
comment on column pra.compatibility.works_from is
  'version of the schema that a program must know, or a later one, to submit and to work';
