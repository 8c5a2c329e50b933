#include "migrations.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

// The current files of functions and views. A new file is one array and one row of the table below, whose
// order is the order of execution: a function in SQL comes after those that it calls, a view after its
// functions.

static const unsigned char queue_keys[] = {
#embed "../../../migrations/functions/queue/keys.sql"
};
static const unsigned char queue_events[] = {
#embed "../../../migrations/functions/queue/events.sql"
};
static const unsigned char queue_people[] = {
#embed "../../../migrations/functions/queue/people.sql"
};
static const unsigned char queue_requirements[] = {
#embed "../../../migrations/functions/queue/requirements.sql"
};
static const unsigned char queue_arguments[] = {
#embed "../../../migrations/functions/queue/arguments.sql"
};
static const unsigned char queue_lanes[] = {
#embed "../../../migrations/functions/queue/lanes.sql"
};
static const unsigned char queue_slots[] = {
#embed "../../../migrations/functions/queue/slots.sql"
};
static const unsigned char queue_workers[] = {
#embed "../../../migrations/functions/queue/workers.sql"
};
static const unsigned char queue_order[] = {
#embed "../../../migrations/functions/queue/order.sql"
};
static const unsigned char queue_rooms[] = {
#embed "../../../migrations/functions/queue/rooms.sql"
};
static const unsigned char queue_arrays[] = {
#embed "../../../migrations/functions/queue/arrays.sql"
};
static const unsigned char queue_hosts[] = {
#embed "../../../migrations/functions/queue/hosts.sql"
};
static const unsigned char queue_end[] = {
#embed "../../../migrations/functions/queue/end.sql"
};
static const unsigned char queue_finish[] = {
#embed "../../../migrations/functions/queue/finish.sql"
};
static const unsigned char queue_meetings[] = {
#embed "../../../migrations/functions/queue/meetings.sql"
};
static const unsigned char queue_gangs[] = {
#embed "../../../migrations/functions/queue/gangs.sql"
};
static const unsigned char queue_counts[] = {
#embed "../../../migrations/functions/queue/counts.sql"
};
static const unsigned char queue_demand[] = {
#embed "../../../migrations/functions/queue/demand.sql"
};
static const unsigned char queue_claim[] = {
#embed "../../../migrations/functions/queue/claim.sql"
};
static const unsigned char queue_enqueue[] = {
#embed "../../../migrations/functions/queue/enqueue.sql"
};
static const unsigned char queue_act[] = {
#embed "../../../migrations/functions/queue/act.sql"
};
static const unsigned char queue_pause[] = {
#embed "../../../migrations/functions/queue/pause.sql"
};
static const unsigned char queue_preempt[] = {
#embed "../../../migrations/functions/queue/preempt.sql"
};
static const unsigned char queue_schedules[] = {
#embed "../../../migrations/functions/queue/schedules.sql"
};
static const unsigned char queue_reap[] = {
#embed "../../../migrations/functions/queue/reap.sql"
};
static const unsigned char queue_described[] = {
#embed "../../../migrations/functions/queue/described.sql"
};
static const unsigned char queue_runs[] = {
#embed "../../../migrations/functions/queue/runs.sql"
};
static const unsigned char queue_waiting[] = {
#embed "../../../migrations/functions/queue/waiting.sql"
};
static const unsigned char queue_why[] = {
#embed "../../../migrations/functions/queue/why.sql"
};
static const unsigned char store_sizes[] = {
#embed "../../../migrations/functions/store/sizes.sql"
};
static const unsigned char store_metrics[] = {
#embed "../../../migrations/functions/store/metrics.sql"
};
static const unsigned char store_bands[] = {
#embed "../../../migrations/functions/store/bands.sql"
};
static const unsigned char store_figures[] = {
#embed "../../../migrations/functions/store/figures.sql"
};
static const unsigned char store_artifacts[] = {
#embed "../../../migrations/functions/store/artifacts.sql"
};
static const unsigned char store_stores[] = {
#embed "../../../migrations/functions/store/stores.sql"
};
static const unsigned char store_objects[] = {
#embed "../../../migrations/functions/store/objects.sql"
};
static const unsigned char store_copies[] = {
#embed "../../../migrations/functions/store/copies.sql"
};
static const unsigned char store_checkpoints[] = {
#embed "../../../migrations/functions/store/checkpoints.sql"
};
static const unsigned char store_previews[] = {
#embed "../../../migrations/functions/store/previews.sql"
};
static const unsigned char store_kept_results[] = {
#embed "../../../migrations/functions/store/kept_results.sql"
};
static const unsigned char store_garbage[] = {
#embed "../../../migrations/functions/store/garbage.sql"
};
static const unsigned char store_purge[] = {
#embed "../../../migrations/functions/store/purge.sql"
};
static const unsigned char store_lineage[] = {
#embed "../../../migrations/functions/store/lineage.sql"
};
static const unsigned char store_removal[] = {
#embed "../../../migrations/functions/store/removal.sql"
};
static const unsigned char store_retention[] = {
#embed "../../../migrations/functions/store/retention.sql"
};
static const unsigned char store_logs[] = {
#embed "../../../migrations/functions/store/logs.sql"
};
static const unsigned char store_upkeep[] = {
#embed "../../../migrations/functions/store/upkeep.sql"
};
static const unsigned char views_upkeep[] = {
#embed "../../../migrations/views/upkeep.sql"
};
static const unsigned char views_arrays[] = {
#embed "../../../migrations/views/arrays.sql"
};
static const unsigned char views_artifacts[] = {
#embed "../../../migrations/views/artifacts.sql"
};
static const unsigned char views_attempt_counters[] = {
#embed "../../../migrations/views/attempt_counters.sql"
};
static const unsigned char views_attempts[] = {
#embed "../../../migrations/views/attempts.sql"
};
static const unsigned char views_blamed_hosts[] = {
#embed "../../../migrations/views/blamed_hosts.sql"
};
static const unsigned char views_checkpoints[] = {
#embed "../../../migrations/views/checkpoints.sql"
};
static const unsigned char views_compatibility[] = {
#embed "../../../migrations/views/compatibility.sql"
};
static const unsigned char views_demand[] = {
#embed "../../../migrations/views/demand.sql"
};
static const unsigned char views_evaluations[] = {
#embed "../../../migrations/views/evaluations.sql"
};
static const unsigned char views_events[] = {
#embed "../../../migrations/views/events.sql"
};
static const unsigned char views_images[] = {
#embed "../../../migrations/views/images.sql"
};
static const unsigned char views_jobs[] = {
#embed "../../../migrations/views/jobs.sql"
};
static const unsigned char views_kinds[] = {
#embed "../../../migrations/views/kinds.sql"
};
static const unsigned char views_kept_results[] = {
#embed "../../../migrations/views/kept_results.sql"
};
static const unsigned char views_limits[] = {
#embed "../../../migrations/views/limits.sql"
};
static const unsigned char views_metric_rollups[] = {
#embed "../../../migrations/views/metric_rollups.sql"
};
static const unsigned char views_metric_summaries[] = {
#embed "../../../migrations/views/metric_summaries.sql"
};
static const unsigned char views_metrics[] = {
#embed "../../../migrations/views/metrics.sql"
};
static const unsigned char views_metrics_raw[] = {
#embed "../../../migrations/views/metrics_raw.sql"
};
static const unsigned char views_outputs[] = {
#embed "../../../migrations/views/outputs.sql"
};
static const unsigned char views_preemptions[] = {
#embed "../../../migrations/views/preemptions.sql"
};
static const unsigned char views_queues[] = {
#embed "../../../migrations/views/queues.sql"
};
static const unsigned char views_runs[] = {
#embed "../../../migrations/views/runs.sql"
};
static const unsigned char views_samplings[] = {
#embed "../../../migrations/views/samplings.sql"
};
static const unsigned char views_schedules[] = {
#embed "../../../migrations/views/schedules.sql"
};
static const unsigned char views_schema_files[] = {
#embed "../../../migrations/views/schema_files.sql"
};
static const unsigned char views_schema_objects[] = {
#embed "../../../migrations/views/schema_objects.sql"
};
static const unsigned char views_schema_versions[] = {
#embed "../../../migrations/views/schema_versions.sql"
};
static const unsigned char views_sessions[] = {
#embed "../../../migrations/views/sessions.sql"
};
static const unsigned char views_start_waits[] = {
#embed "../../../migrations/views/start_waits.sql"
};
static const unsigned char views_stores[] = {
#embed "../../../migrations/views/stores.sql"
};
static const unsigned char views_sweeps[] = {
#embed "../../../migrations/views/sweeps.sql"
};
static const unsigned char views_exports[] = {
#embed "../../../migrations/views/exports.sql"
};
static const unsigned char views_lineage[] = {
#embed "../../../migrations/views/lineage.sql"
};
static const unsigned char views_variants[] = {
#embed "../../../migrations/views/variants.sql"
};
static const unsigned char views_workers[] = {
#embed "../../../migrations/views/workers.sql"
};
static const unsigned char views_waiting[] = {
#embed "../../../migrations/views/waiting.sql"
};

#define CURRENT(path, bytes) {path, bytes, sizeof bytes}

static const PRACurrentFile files[] = {
  CURRENT("functions/queue/keys.sql", queue_keys),
  CURRENT("functions/queue/events.sql", queue_events),
  CURRENT("functions/queue/people.sql", queue_people),
  CURRENT("functions/queue/requirements.sql", queue_requirements),
  CURRENT("functions/queue/arguments.sql", queue_arguments),
  CURRENT("functions/queue/lanes.sql", queue_lanes),
  CURRENT("functions/queue/slots.sql", queue_slots),
  CURRENT("functions/queue/workers.sql", queue_workers),
  CURRENT("functions/queue/order.sql", queue_order),
  CURRENT("functions/queue/rooms.sql", queue_rooms),
  CURRENT("functions/queue/arrays.sql", queue_arrays),
  CURRENT("functions/queue/hosts.sql", queue_hosts),
  CURRENT("functions/queue/end.sql", queue_end),
  CURRENT("functions/queue/finish.sql", queue_finish),
  CURRENT("functions/queue/meetings.sql", queue_meetings),
  CURRENT("functions/queue/gangs.sql", queue_gangs),
  CURRENT("functions/queue/counts.sql", queue_counts),
  CURRENT("functions/queue/demand.sql", queue_demand),
  CURRENT("functions/queue/claim.sql", queue_claim),
  CURRENT("functions/queue/enqueue.sql", queue_enqueue),
  CURRENT("functions/queue/act.sql", queue_act),
  CURRENT("functions/queue/pause.sql", queue_pause),
  CURRENT("functions/queue/preempt.sql", queue_preempt),
  CURRENT("functions/queue/schedules.sql", queue_schedules),
  CURRENT("functions/queue/reap.sql", queue_reap),
  CURRENT("functions/queue/described.sql", queue_described),
  CURRENT("functions/queue/runs.sql", queue_runs),
  CURRENT("functions/queue/waiting.sql", queue_waiting),
  CURRENT("functions/queue/why.sql", queue_why),
  CURRENT("functions/store/sizes.sql", store_sizes),
  CURRENT("functions/store/metrics.sql", store_metrics),
  CURRENT("functions/store/bands.sql", store_bands),
  CURRENT("functions/store/figures.sql", store_figures),
  CURRENT("functions/store/artifacts.sql", store_artifacts),
  CURRENT("functions/store/stores.sql", store_stores),
  CURRENT("functions/store/objects.sql", store_objects),
  CURRENT("functions/store/copies.sql", store_copies),
  CURRENT("functions/store/checkpoints.sql", store_checkpoints),
  CURRENT("functions/store/previews.sql", store_previews),
  CURRENT("functions/store/kept_results.sql", store_kept_results),
  CURRENT("functions/store/garbage.sql", store_garbage),
  CURRENT("functions/store/purge.sql", store_purge),
  CURRENT("functions/store/lineage.sql", store_lineage),
  CURRENT("functions/store/removal.sql", store_removal),
  CURRENT("functions/store/retention.sql", store_retention),
  CURRENT("functions/store/logs.sql", store_logs),
  CURRENT("functions/store/upkeep.sql", store_upkeep),
  CURRENT("views/arrays.sql", views_arrays),
  CURRENT("views/artifacts.sql", views_artifacts),
  CURRENT("views/attempt_counters.sql", views_attempt_counters),
  CURRENT("views/attempts.sql", views_attempts),
  CURRENT("views/blamed_hosts.sql", views_blamed_hosts),
  CURRENT("views/checkpoints.sql", views_checkpoints),
  CURRENT("views/compatibility.sql", views_compatibility),
  CURRENT("views/demand.sql", views_demand),
  CURRENT("views/evaluations.sql", views_evaluations),
  CURRENT("views/events.sql", views_events),
  CURRENT("views/images.sql", views_images),
  CURRENT("views/jobs.sql", views_jobs),
  CURRENT("views/kinds.sql", views_kinds),
  CURRENT("views/kept_results.sql", views_kept_results),
  CURRENT("views/limits.sql", views_limits),
  CURRENT("views/metric_rollups.sql", views_metric_rollups),
  CURRENT("views/metric_summaries.sql", views_metric_summaries),
  CURRENT("views/metrics.sql", views_metrics),
  CURRENT("views/metrics_raw.sql", views_metrics_raw),
  CURRENT("views/outputs.sql", views_outputs),
  CURRENT("views/preemptions.sql", views_preemptions),
  CURRENT("views/queues.sql", views_queues),
  CURRENT("views/runs.sql", views_runs),
  CURRENT("views/samplings.sql", views_samplings),
  CURRENT("views/schedules.sql", views_schedules),
  CURRENT("views/schema_files.sql", views_schema_files),
  CURRENT("views/schema_objects.sql", views_schema_objects),
  CURRENT("views/schema_versions.sql", views_schema_versions),
  CURRENT("views/sessions.sql", views_sessions),
  CURRENT("views/start_waits.sql", views_start_waits),
  CURRENT("views/stores.sql", views_stores),
  CURRENT("views/sweeps.sql", views_sweeps),
  CURRENT("views/exports.sql", views_exports),
  CURRENT("views/lineage.sql", views_lineage),
  CURRENT("views/variants.sql", views_variants),
  CURRENT("views/upkeep.sql", views_upkeep),
  CURRENT("views/workers.sql", views_workers),
  CURRENT("views/waiting.sql", views_waiting),
};

const PRACurrentFile *pra_current_files(size_t *count) {
  *count = sizeof files / sizeof files[0];
  return files;
}
