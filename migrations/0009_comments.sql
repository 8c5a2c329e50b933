-- What the views and their columns mean; a test fails on one without a comment.

set local role pra_owner;

comment on view pra.runs is
  'One row per run: an experiment and the state of its jobs';
comment on column pra.runs.id is 'number of the run';
comment on column pra.runs.name is 'name given by whoever made it; need not be unique';
comment on column pra.runs.state is
  'empty, pending (nothing started), running, paused, failed, cancelled, blocked or succeeded';
comment on column pra.runs.jobs is 'number of its jobs';
comment on column pra.runs.blocked is 'jobs that wait for parents';
comment on column pra.runs.ready is 'jobs in line';
comment on column pra.runs.running is 'jobs at work';
comment on column pra.runs.succeeded is 'jobs done';
comment on column pra.runs.failed is 'jobs that failed for good';
comment on column pra.runs.cancelled is 'jobs cancelled';
comment on column pra.runs.quarantined is 'jobs that lost too many machines';
comment on column pra.runs.configuration is 'complete resolved configuration';
comment on column pra.runs.code_version is 'version of the code that made the run';
comment on column pra.runs.data_fingerprint is 'fingerprint of the data set';
comment on column pra.runs.idempotency_key is 'key under which creating it again returns this run';
comment on column pra.runs.created_at is 'when it was created';
comment on column pra.runs.created_by is 'login that created it';
comment on column pra.runs.paused_at is 'since when its jobs are not claimed; null when not paused';
comment on column pra.runs.started_at is 'when the first of its jobs was claimed';
comment on column pra.runs.finished_at is
  'when the last of its jobs ended; null while one may still run';

comment on view pra.jobs is
  'One row per job';
comment on column pra.jobs.id is 'number of the job';
comment on column pra.jobs.run_id is 'its run';
comment on column pra.jobs.run_name is 'name of its run';
comment on column pra.jobs.kind is 'what it does: ingest, train, sample, evaluate ...';
comment on column pra.jobs.queue is 'queue in which it waits';
comment on column pra.jobs.state is
  'blocked, ready, running, succeeded, failed, cancelled or quarantined';
comment on column pra.jobs.priority is 'higher is claimed first';
comment on column pra.jobs.arguments is 'arguments of its kind';
comment on column pra.jobs.requirements is
  'what it asks of a worker''s labels: [{label, op, value}]';
comment on column pra.jobs.run_after is 'not claimed before';
comment on column pra.jobs.epoch is 'number of its latest attempt; 0 when never claimed';
comment on column pra.jobs.worker_id is 'worker that runs it';
comment on column pra.jobs.worker_name is 'name of that worker';
comment on column pra.jobs.depends_on is 'jobs that must succeed first';
comment on column pra.jobs.unmet is 'how many of them have not';
comment on column pra.jobs.time_limit is 'longest time one attempt may take; null for no limit';
comment on column pra.jobs.faults is 'faults since it was enqueued or retried by hand';
comment on column pra.jobs.fault_retries is 'faults after which it is run again';
comment on column pra.jobs.lost is 'attempts lost with their worker';
comment on column pra.jobs.lost_retries is
  'losses after which it is run again; one more and it is quarantined';
comment on column pra.jobs.timeouts is 'attempts over the time limit';
comment on column pra.jobs.timeout_retries is 'time-outs after which it is run again';
comment on column pra.jobs.preemptions is 'attempts preempted';
comment on column pra.jobs.preemption_retries is
  'preemptions after which it is run again; null for no limit';
comment on column pra.jobs.cancel_requested_at is 'when somebody cancelled it';
comment on column pra.jobs.preempt_requested_at is 'when its agent was asked to give it back';
comment on column pra.jobs.message is 'last failure, in words';
comment on column pra.jobs.result is 'what finish reported';
comment on column pra.jobs.progress_done is 'units done in the latest attempt that said';
comment on column pra.jobs.progress_total is 'units in all';
comment on column pra.jobs.progress_unit is 'the unit, such as steps';
comment on column pra.jobs.progress_at is 'when progress was last heard';
comment on column pra.jobs.idempotency_key is 'key under which enqueuing it again returns this job';
comment on column pra.jobs.created_at is 'when it was enqueued';
comment on column pra.jobs.created_by is 'login that enqueued it';
comment on column pra.jobs.started_at is 'when it was first claimed';
comment on column pra.jobs.finished_at is 'when it reached its last state';

comment on view pra.attempts is
  'One row per claim of a job';
comment on column pra.attempts.job_id is 'the job';
comment on column pra.attempts.epoch is 'number of the attempt, strictly increasing within the job';
comment on column pra.attempts.run_id is 'run of the job';
comment on column pra.attempts.kind is 'kind of the job';
comment on column pra.attempts.worker_id is 'worker that claimed it';
comment on column pra.attempts.worker_name is 'name of that worker';
comment on column pra.attempts.started_at is 'when it was claimed';
comment on column pra.attempts.ended_at is 'when it ended; null while it runs';
comment on column pra.attempts.outcome is
  'succeeded, fault, permanent, lost, timeout, preempted, released or cancelled';
comment on column pra.attempts.exit_code is 'exit code of the stage';
comment on column pra.attempts.exit_signal is 'signal that ended the stage';
comment on column pra.attempts.message is 'what went wrong, in words';
comment on column pra.attempts.from_step is
  'first step of its own metric series; null when it has none';
comment on column pra.attempts.continues_epoch is
  'attempt whose series it continues before that step; null when it started from scratch';
comment on column pra.attempts.metric_batch is 'number of the last metric batch absorbed';
comment on column pra.attempts.metric_high_water is 'highest step among its metrics';

comment on view pra.workers is
  'One row per agent process that registered';
comment on column pra.workers.id is 'number of the registration';
comment on column pra.workers.name is 'name the agent gave itself';
comment on column pra.workers.version is 'version of its program';
comment on column pra.workers.labels is 'labels that requirements are compared with';
comment on column pra.workers.queues is 'queues it serves';
comment on column pra.workers.kinds is 'kinds it runs';
comment on column pra.workers.slots is 'jobs it runs at once';
comment on column pra.workers.running is 'jobs it runs now';
comment on column pra.workers.state is
  'live, draining, lost (its lease is over, nobody has reaped it yet) or stopped';
comment on column pra.workers.lease is 'how long it may stay silent';
comment on column pra.workers.lease_expires_at is 'when it will count as lost if it stays silent';
comment on column pra.workers.registered_at is 'when it registered';
comment on column pra.workers.beat_at is 'its last heartbeat';
comment on column pra.workers.stopped_at is 'when it left or was reaped';
comment on column pra.workers.stop_reason is 'deregistered or lease lost';

comment on view pra.queues is
  'One row per queue';
comment on column pra.queues.name is 'name of the queue';
comment on column pra.queues.paused_at is
  'since when nothing is claimed from it; null when not paused';
comment on column pra.queues.blocked is 'jobs that wait for parents';
comment on column pra.queues.ready is 'jobs that could be claimed now';
comment on column pra.queues.delayed is 'jobs whose time has not come';
comment on column pra.queues.running is 'jobs at work';
comment on column pra.queues.oldest_ready_at is 'since when the oldest claimable job waits';
comment on column pra.queues.created_at is 'when it was first used';

comment on view pra.metrics is
  'The effective metric series: of every step the attempt that survived';
comment on column pra.metrics.run_id is 'run of the job';
comment on column pra.metrics.run_name is 'name of the run';
comment on column pra.metrics.job_id is 'job that measured it';
comment on column pra.metrics.epoch is 'attempt that measured it';
comment on column pra.metrics.name is 'name of the series';
comment on column pra.metrics.step is 'step of the value, from 0';
comment on column pra.metrics.value is 'the value; may be NaN or infinite';
comment on column pra.metrics.recorded_at is 'when the batch arrived';

comment on view pra.metrics_raw is
  'Every metric point of every attempt';
comment on column pra.metrics_raw.run_id is 'run of the job';
comment on column pra.metrics_raw.run_name is 'name of the run';
comment on column pra.metrics_raw.job_id is 'job that measured it';
comment on column pra.metrics_raw.epoch is 'attempt that measured it';
comment on column pra.metrics_raw.name is 'name of the series';
comment on column pra.metrics_raw.step is 'step of the value, from 0';
comment on column pra.metrics_raw.value is 'the value; may be NaN or infinite';
comment on column pra.metrics_raw.recorded_at is 'when the batch arrived';

comment on view pra.artifacts is
  'One row per stored content';
comment on column pra.artifacts.sha256 is 'SHA-256 of the bytes, in hexadecimal: its name';
comment on column pra.artifacts.size is 'bytes';
comment on column pra.artifacts.media_type is 'media type under which it was first stored';
comment on column pra.artifacts.storage is 'inline or chunks';
comment on column pra.artifacts.chunks is 'number of chunks to ask pra.artifact_chunk for';
comment on column pra.artifacts.created_at is 'when it was stored';

comment on view pra.outputs is
  'Named outputs of finished jobs';
comment on column pra.outputs.job_id is 'job that made it';
comment on column pra.outputs.run_id is 'run of the job';
comment on column pra.outputs.kind is 'kind of the job';
comment on column pra.outputs.name is 'name of the output within the job';
comment on column pra.outputs.epoch is 'attempt that committed it';
comment on column pra.outputs.sha256 is 'its artifact';
comment on column pra.outputs.size is 'bytes';
comment on column pra.outputs.media_type is 'media type';

comment on view pra.checkpoints is
  'One row per registered checkpoint';
comment on column pra.checkpoints.id is 'number of the checkpoint';
comment on column pra.checkpoints.job_id is 'job that wrote it';
comment on column pra.checkpoints.run_id is 'run of the job';
comment on column pra.checkpoints.epoch is 'attempt that wrote it';
comment on column pra.checkpoints.step is 'steps made, which is the number of the next step';
comment on column pra.checkpoints.registered_at is 'when it was registered';
comment on column pra.checkpoints.files is 'its files: [{name, sha256, size, media_type}]';

comment on view pra.images is
  'One row per sampled image';
comment on column pra.images.run_id is 'run of the job';
comment on column pra.images.job_id is 'job that drew it';
comment on column pra.images.number is 'number of the image within the sampling run, from 0';
comment on column pra.images.label is 'class number';
comment on column pra.images.class_name is 'name of the class';
comment on column pra.images.seed is 'sampling seed';
comment on column pra.images.sha256 is 'artifact of the PNG';
comment on column pra.images.size is 'bytes of the PNG';
comment on column pra.images.epoch is 'attempt that committed it';

comment on view pra.evaluations is
  'One row per measured quality';
comment on column pra.evaluations.run_id is 'run of the job';
comment on column pra.evaluations.run_name is 'name of the run';
comment on column pra.evaluations.job_id is 'job that measured it';
comment on column pra.evaluations.metric is 'what was measured';
comment on column pra.evaluations.scope is 'overall, or the name of a class';
comment on column pra.evaluations.value is 'the value';
comment on column pra.evaluations.images is 'number of images it is based on';
comment on column pra.evaluations.details is 'further figures of the metric';
comment on column pra.evaluations.epoch is 'attempt that committed it';

comment on view pra.events is
  'What happened, in order';
comment on column pra.events.id is 'number of the event';
comment on column pra.events.at is 'when';
comment on column pra.events.kind is 'such as job.claimed or attempt.fault';
comment on column pra.events.run_id is 'run concerned';
comment on column pra.events.job_id is 'job concerned';
comment on column pra.events.epoch is 'attempt concerned';
comment on column pra.events.worker_id is 'worker concerned';
comment on column pra.events.actor is 'login of the session that did it';
comment on column pra.events.detail is 'further facts';

comment on view pra.schema_versions is
  'Migrations that were applied';
comment on column pra.schema_versions.version is 'number of the migration';
comment on column pra.schema_versions.name is 'file name of the migration';
comment on column pra.schema_versions.sha256 is 'SHA-256 of its text when it was applied';
comment on column pra.schema_versions.applied_at is 'when it was applied';
