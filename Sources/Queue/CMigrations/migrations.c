#include "migrations.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// A new migration is one array and one row.

static const unsigned char sql_0001[] = {
#embed "../../../migrations/0001_roles.sql"
};
static const unsigned char sql_0002[] = {
#embed "../../../migrations/0002_queue_tables.sql"
};
static const unsigned char sql_0003[] = {
#embed "../../../migrations/0003_store_tables.sql"
};
static const unsigned char sql_0004[] = {
#embed "../../../migrations/0004_submit.sql"
};
static const unsigned char sql_0005[] = {
#embed "../../../migrations/0005_work.sql"
};
static const unsigned char sql_0006[] = {
#embed "../../../migrations/0006_store.sql"
};
static const unsigned char sql_0007[] = {
#embed "../../../migrations/0007_finish.sql"
};
static const unsigned char sql_0008[] = {
#embed "../../../migrations/0008_views.sql"
};
static const unsigned char sql_0009[] = {
#embed "../../../migrations/0009_comments.sql"
};
static const unsigned char sql_0010[] = {
#embed "../../../migrations/0010_line.sql"
};
static const unsigned char sql_0011[] = {
#embed "../../../migrations/0011_enqueue.sql"
};
static const unsigned char sql_0012[] = {
#embed "../../../migrations/0012_claim.sql"
};
static const unsigned char sql_0013[] = {
#embed "../../../migrations/0013_gangs.sql"
};
static const unsigned char sql_0014[] = {
#embed "../../../migrations/0014_end.sql"
};
static const unsigned char sql_0015[] = {
#embed "../../../migrations/0015_act.sql"
};
static const unsigned char sql_0016[] = {
#embed "../../../migrations/0016_schedules.sql"
};
static const unsigned char sql_0017[] = {
#embed "../../../migrations/0017_why.sql"
};
static const unsigned char sql_0018[] = {
#embed "../../../migrations/0018_queue_views.sql"
};
static const unsigned char sql_0030[] = {
#embed "../../../migrations/0030_metric_batches.sql"
};
static const unsigned char sql_0031[] = {
#embed "../../../migrations/0031_stores.sql"
};
static const unsigned char sql_0032[] = {
#embed "../../../migrations/0032_garbage.sql"
};
static const unsigned char sql_0034[] = {
#embed "../../../migrations/0034_history.sql"
};
static const unsigned char sql_0035[] = {
#embed "../../../migrations/0035_fast_claim.sql"
};
static const unsigned char sql_0036[] = {
#embed "../../../migrations/0036_arguments.sql"
};
static const unsigned char sql_0037[] = {
#embed "../../../migrations/0037_enqueue.sql"
};
static const unsigned char sql_0038[] = {
#embed "../../../migrations/0038_retention.sql"
};
static const unsigned char sql_0039[] = {
#embed "../../../migrations/0039_why.sql"
};
static const unsigned char sql_0055[] = {
#embed "../../../migrations/0055_named_artifacts.sql"
};
static const unsigned char sql_0056[] = {
#embed "../../../migrations/0056_slots.sql"
};
static const unsigned char sql_0057[] = {
#embed "../../../migrations/0057_claim.sql"
};
static const unsigned char sql_0058[] = {
#embed "../../../migrations/0058_finish.sql"
};
static const unsigned char sql_0059[] = {
#embed "../../../migrations/0059_variants.sql"
};
static const unsigned char sql_0060[] = {
#embed "../../../migrations/0060_reap.sql"
};
static const unsigned char sql_0061[] = {
#embed "../../../migrations/0061_store_folder.sql"
};
static const unsigned char sql_0062[] = {
#embed "../../../migrations/0062_slot_order.sql"
};
static const unsigned char sql_0063[] = {
#embed "../../../migrations/0063_reap_deadlines.sql"
};
static const unsigned char sql_0064[] = {
#embed "../../../migrations/0064_hand_over.sql"
};
static const unsigned char sql_0065[] = {
#embed "../../../migrations/0065_turns.sql"
};
static const unsigned char sql_0066[] = {
#embed "../../../migrations/0066_first_in_lane.sql"
};
#define MIGRATION(version, name) {1##version - 10000, name, sql_##version, sizeof sql_##version}

static const PRAMigration migrations[] = {
  MIGRATION(0001, "0001_roles.sql"),
  MIGRATION(0002, "0002_queue_tables.sql"),
  MIGRATION(0003, "0003_store_tables.sql"),
  MIGRATION(0004, "0004_submit.sql"),
  MIGRATION(0005, "0005_work.sql"),
  MIGRATION(0006, "0006_store.sql"),
  MIGRATION(0007, "0007_finish.sql"),
  MIGRATION(0008, "0008_views.sql"),
  MIGRATION(0009, "0009_comments.sql"),
  MIGRATION(0010, "0010_line.sql"),
  MIGRATION(0011, "0011_enqueue.sql"),
  MIGRATION(0012, "0012_claim.sql"),
  MIGRATION(0013, "0013_gangs.sql"),
  MIGRATION(0014, "0014_end.sql"),
  MIGRATION(0015, "0015_act.sql"),
  MIGRATION(0016, "0016_schedules.sql"),
  MIGRATION(0017, "0017_why.sql"),
  MIGRATION(0018, "0018_queue_views.sql"),
  MIGRATION(0030, "0030_metric_batches.sql"),
  MIGRATION(0031, "0031_stores.sql"),
  MIGRATION(0032, "0032_garbage.sql"),
  MIGRATION(0034, "0034_history.sql"),
  MIGRATION(0035, "0035_fast_claim.sql"),
  MIGRATION(0036, "0036_arguments.sql"),
  MIGRATION(0037, "0037_enqueue.sql"),
  MIGRATION(0038, "0038_retention.sql"),
  MIGRATION(0039, "0039_why.sql"),
  MIGRATION(0055, "0055_named_artifacts.sql"),
  MIGRATION(0056, "0056_slots.sql"),
  MIGRATION(0057, "0057_claim.sql"),
  MIGRATION(0058, "0058_finish.sql"),
  MIGRATION(0059, "0059_variants.sql"),
  MIGRATION(0060, "0060_reap.sql"),
  MIGRATION(0061, "0061_store_folder.sql"),
  MIGRATION(0062, "0062_slot_order.sql"),
  MIGRATION(0063, "0063_reap_deadlines.sql"),
  MIGRATION(0064, "0064_hand_over.sql"),
  MIGRATION(0065, "0065_turns.sql"),
  MIGRATION(0066, "0066_first_in_lane.sql"),
};

const PRAMigration *pra_migrations(size_t *count) {
  *count = sizeof migrations / sizeof migrations[0];
  return migrations;
}
