#include "migrations.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// A new file is one array and one row of the table below.

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
static const unsigned char sql_0067[] = {
#embed "../../../migrations/0067_structure.sql"
};
static const unsigned char sql_0068[] = {
#embed "../../../migrations/0068_recorded_files.sql"
};
static const unsigned char sql_0069[] = {
#embed "../../../migrations/0069_plain_queue.sql"
};
static const unsigned char sql_0070[] = {
#embed "../../../migrations/0070_tokens.sql"
};
static const unsigned char sql_0071[] = {
#embed "../../../migrations/0071_store_owners.sql"
};
static const unsigned char sql_0072[] = {
#embed "../../../migrations/0072_host_lacks.sql"
};
static const unsigned char sql_0076[] = {
#embed "../../../migrations/0076_shares.sql"
};
static const unsigned char sql_0077[] = {
#embed "../../../migrations/0077_bounds.sql"
};
static const unsigned char sql_0080[] = {
#embed "../../../migrations/0080_checkpoints_kept.sql"
};
static const unsigned char sql_0081[] = {
#embed "../../../migrations/0081_image_sets.sql"
};
static const unsigned char sql_0082[] = {
#embed "../../../migrations/0082_metric_rollups.sql"
};
static const unsigned char sql_0083[] = {
#embed "../../../migrations/0083_removed_runs.sql"
};
static const unsigned char sql_0089[] = {
#embed "../../../migrations/0089_rates.sql"
};
static const unsigned char sql_0090[] = {
#embed "../../../migrations/0090_rooms.sql"
};
static const unsigned char sql_0091[] = {
#embed "../../../migrations/0091_claiming_session.sql"
};
static const unsigned char sql_0093[] = {
#embed "../../../migrations/0093_needed_room.sql"
};
static const unsigned char sql_0096[] = {
#embed "../../../migrations/0096_previews.sql"
};
static const unsigned char sql_0098[] = {
#embed "../../../migrations/0098_upkeep.sql"
};
static const unsigned char sql_0099[] = {
#embed "../../../migrations/0099_series_ends.sql"
};
static const unsigned char sql_0100[] = {
#embed "../../../migrations/0100_lineage.sql"
};
static const unsigned char sql_0105[] = {
#embed "../../../migrations/0105_described_runs.sql"
};
static const unsigned char sql_0106[] = {
#embed "../../../migrations/0106_proxies.sql"
};
static const unsigned char sql_0110[] = {
#embed "../../../migrations/0110_gang_starts.sql"
};
static const unsigned char sql_0114[] = {
#embed "../../../migrations/0114_fleet.sql"
};
static const unsigned char sql_0115[] = {
#embed "../../../migrations/0115_compatibility.sql"
};
static const unsigned char sql_0116[] = {
#embed "../../../migrations/0116_operators.sql"
};
static const unsigned char sql_0117[] = {
#embed "../../../migrations/0117_counters.sql"
};
static const unsigned char sql_0123[] = {
#embed "../../../migrations/0123_keys.sql"
};
static const unsigned char sql_0124[] = {
#embed "../../../migrations/0124_lean_rows.sql"
};
static const unsigned char sql_0125[] = {
#embed "../../../migrations/0125_lean_jobs.sql"
};
static const unsigned char sql_0126[] = {
#embed "../../../migrations/0126_line_alone.sql"
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
  MIGRATION(0067, "0067_structure.sql"),
  MIGRATION(0068, "0068_recorded_files.sql"),
  MIGRATION(0069, "0069_plain_queue.sql"),
  MIGRATION(0070, "0070_tokens.sql"),
  MIGRATION(0071, "0071_store_owners.sql"),
  MIGRATION(0072, "0072_host_lacks.sql"),
  MIGRATION(0076, "0076_shares.sql"),
  MIGRATION(0077, "0077_bounds.sql"),
  MIGRATION(0080, "0080_checkpoints_kept.sql"),
  MIGRATION(0081, "0081_image_sets.sql"),
  MIGRATION(0082, "0082_metric_rollups.sql"),
  MIGRATION(0083, "0083_removed_runs.sql"),
  MIGRATION(0089, "0089_rates.sql"),
  MIGRATION(0090, "0090_rooms.sql"),
  MIGRATION(0091, "0091_claiming_session.sql"),
  MIGRATION(0093, "0093_needed_room.sql"),
  MIGRATION(0096, "0096_previews.sql"),
  MIGRATION(0098, "0098_upkeep.sql"),
  MIGRATION(0099, "0099_series_ends.sql"),
  MIGRATION(0100, "0100_lineage.sql"),
  MIGRATION(0105, "0105_described_runs.sql"),
  MIGRATION(0106, "0106_proxies.sql"),
  MIGRATION(0110, "0110_gang_starts.sql"),
  MIGRATION(0114, "0114_fleet.sql"),
  MIGRATION(0115, "0115_compatibility.sql"),
  MIGRATION(0116, "0116_operators.sql"),
  MIGRATION(0117, "0117_counters.sql"),
  MIGRATION(0123, "0123_keys.sql"),
  MIGRATION(0124, "0124_lean_rows.sql"),
  MIGRATION(0125, "0125_lean_jobs.sql"),
  MIGRATION(0126, "0126_line_alone.sql"),
};

const PRAMigration *pra_migrations(size_t *count) {
  *count = sizeof migrations / sizeof migrations[0];
  return migrations;
}
