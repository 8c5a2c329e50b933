-- The oldest programs that a schema admits, so that machines are upgraded one after another.

set local role pra_owner;

-- reads_from, works_from: the lowest newest version that a program must know to read, and to submit and work. A
-- numbered file with which older programs cannot live raises them.
create table pra_store.compatibility (
  is_single boolean primary key default true check (is_single),
  reads_from integer not null check (reads_from > 0),
  works_from integer not null,
  check (works_from >= reads_from)
);
insert into pra_store.compatibility (reads_from, works_from) values (115, 115);
