// Programs of a user: what they are given, what they report, how they end, and who lets them run.

import DatabaseTesting
import Foundation
import Testing

@Suite struct CommandTests {
  let world: World

  init() throws { world = try World() }

  /// Enqueues a line of a shell as a command; returns the job's number.
  private func enqueue(_ line: String, _ options: String...) throws -> String {
    let words = "command=[sh, -c, '\(line.replacing("'", with: "''"))']"
    return try world.answer(["enqueue", "command", "--set", words] + options)
  }

  private func work(_ options: String..., environment: [String: String] = [:]) throws {
    let outcome = try Outcome(
      ["worker", "--until-idle", "--threads", "1", "--allow-commands"] + options,
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo].merging(environment) { $1 },
      in: world.folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  private func state(_ job: String) throws -> String {
    try world.rows("select state || ' ' || coalesce(message, '') from pra.jobs where id = \(job)")[
      0]
  }

  @Test func theExampleHangsAnEvaluationOntoARun() throws {
    let demo = "\(Repository.root)/ops/demo.d"
    let file = try world.write(
      "run.yaml",
      """
      name: emoji
      data: {source: \(demo)/emoji-32.tar}
      config:
        trunk: {width: 32, layers: 1, heads: 1}
        head: {width: 32, blocks: 1}
        encoder: {width: 32, blocks: 1, head_dim: 32}
        decoder: {width: 32, blocks: 1, head_dim: 32}
        training: {batch: 4, warmup: 1, total: 3, ema: [0.9]}
        sampling: {steps: 2}
      sample: {count: 6, shards: 2}
      commands:
        sharpness:
          command: [python3, sharpness.py]
          files: [\(demo)/sharpness.py]
          time_limit: 600
        weights: {command: [sh, -c, 'test -d "$PRA_CHECKPOINT" && test -z "$PRA_SAMPLES"'], inputs: [checkpoint]}

      """)
    #expect(try world.answer("run", file, "--dry-run").contains("command"))
    let run = try world.answer("run", file)
    _ = try world.pra("worker", "--until-idle", "--threads", "1")
    let job = try world.rows("select id from pra.jobs where kind = 'command' order by id")[0]
    #expect(
      try world.answer("why", job).contains("only `pra worker --allow-commands` runs programs"))
    #expect(try state(job) == "ready ")
    #expect(try world.answer("jobs").contains(" command sharpness "))
    // A program that reads no images does not wait for them.
    #expect(
      try world.rows(
        """
        select j.arguments ->> 'name', (select string_agg(p.kind, ' ' order by p.kind) from pra.jobs as p
          where p.id = any (j.depends_on)) from pra.jobs as j where j.kind = 'command' order by j.id
        """) == ["sharpness sample train", "weights train"])
    try work()
    #expect(try state(job) == "succeeded ")
    #expect(
      try world.rows(
        """
        select metric, scope, images, value > 0, sampling_job, ruler ->> 'images' from pra.evaluations
        where job_id = \(job)
        """) == ["sharpness.mean overall 6 t 3 6"])
    #expect(
      try world.rows(
        "select string_agg(step::text, ' ' order by step) from pra.metrics where name = 'sharpness.image'"
      )
        == ["0 1 2 3 4 5"])
    #expect(try world.answer("evaluations", "emoji").contains("sharpness.mean"))
    _ = try world.answer("export", "outputs", job, "-o", "\(world.folder)/out")
    let table = try String(contentsOfFile: "\(world.folder)/out/sharpness.csv", encoding: .utf8)
    #expect(table.split(separator: "\n").count == 6)
    // The stored run brings its files along.
    let again = try world.answer("config", run)
    #expect(again.contains("sharpness.py=sha256:"), "\(again)")
    let stored = try world.write("again.yaml", again + "\n")
    #expect(try world.answer("run", stored, "--set", "name=again") == "2")
    #expect(
      try world.rows(
        "select count(distinct arguments -> 'files'), count(*) from pra.jobs where arguments ->> 'name' = 'sharpness'"
      )
        == ["1 2"])
  }

  @Test func aProgramSeesWhatIsMeantForItAlone() throws {
    let job = try enqueue(
      #"env | sort > seen.txt; pwd >> seen.txt; echo "{\"artifact\": \"seen.txt\"}" > $PRA_REPORT"#,
      "--set", "environment=[MODE=fast]", "--set", "name=look")
    try work(
      "--command-env", "SHARED",
      environment: ["SECRET": "hush", "SHARED": "yes", "AWS_SECRET_ACCESS_KEY": "hush"])
    #expect(try state(job) == "succeeded ")
    _ = try world.answer("export", "outputs", job, "-o", "\(world.folder)/out")
    let seen = try String(contentsOfFile: "\(world.folder)/out/seen.txt", encoding: .utf8)
    for line in ["MODE=fast", "SHARED=yes", "PRA_COMMAND=look", "PRA_JOB=\(job)", "PRA_ATTEMPT=1"] {
      #expect(seen.contains("\(line)\n"), "\(line) in \(seen)")
    }
    #expect(!seen.contains("hush") && !seen.contains("PRA_DATABASE_URL"), "\(seen)")
  }

  @Test(arguments: [
    (
      "exit 65",
      "failed sh ended with code 65, by which it says that no other try would help; see its log"
    ),
    (
      "exit 64",
      "failed sh ended with code 64, by which it says that no other try would help; see its log"
    ),
    (
      "echo [] > $PRA_REPORT",
      "failed report of the program, line 1: expected a JSON object with one of metric, "
    ),
    (
      #"echo "{\"metric\": \"a\", \"value\": NaN}" > $PRA_REPORT"#,
      "failed report of the program, line 1: value: found 'NaN', expected a number"
    ),
    (
      #"echo "{\"metric\": \"a\", \"step\": 1}" > $PRA_REPORT"#,
      "failed report of the program, line 1: value: missing; expected a number"
    ),
    (
      #"echo "{\"metric\": \"a b\", \"value\": 1}" > $PRA_REPORT"#,
      "failed report of the program, line 1: found the name 'a b', expected at most 100 letters"
    ),
    (
      #"echo "{\"artifact\": \"/etc/passwd\"}" > $PRA_REPORT"#,
      "failed artifact: /etc/passwd lies outside of the folder in which the program runs"
    ),
    (
      #"ln -s /etc/passwd link; echo "{\"artifact\": \"link\"}" > $PRA_REPORT"#,
      "failed artifact: link lies outside of the folder in which the program runs"
    ),
    (
      #"echo "{\"artifact\": \"none\"}" > $PRA_REPORT"#,
      "failed artifact: the program reports none, and there is no such file"
    ),
  ])
  func whatNoTryWouldMendFailsTheJob(_ line: String, _ expected: String) throws {
    let job = try enqueue(line)
    try work()
    let found = try state(job)
    #expect(found.hasPrefix(expected), "\(found)")
    #expect(try world.rows("select count(*) from pra.attempts") == ["1"])
    #expect(try world.rows("select count(*) from pra.outputs") == ["0"])
  }

  @Test func aFaultIsTriedAgainAndALackOfTheHostSpendsNoTry() throws {
    let fault = try enqueue("kill -SEGV $$")
    let lack = try enqueue("exit 75")
    let missing = try world.answer("enqueue", "command", "--set", "command=[no-such-program]")
    let worker = try WorkerProcess(world, arguments: ["--allow-commands"])
    _ = worker
    try wait {
      try world.rows("select count(distinct job_id) from pra.attempts where ended_at is not null")
        == ["3"]
    }
    #expect(
      try world.rows(
        """
        select distinct on (job_id) outcome, cause, message from pra.attempts order by job_id, epoch
        """) == [
          "fault exit-code sh was ended by signal 11",
          "fault host sh ended with code 75, by which it says that this host lacks something",
          "fault host command: there is no program no-such-program on this worker",
        ])
    #expect(
      try world.rows(
        "select faults > 0 from pra.jobs where id in (\(fault), \(lack), \(missing)) order by id")
        == ["t", "f", "f"])
  }

  /// A typing error of one submitter is no lack of the host, which goes on with what others have enqueued.
  @Test(arguments: [
    "command=[no-such-program]", "command=[/etc/passwd]", "command=[sh, -c, exit 71]",
  ])
  func aProgramThatIsMissingStopsNoWorker(_ command: String) throws {
    let missing = try world.answer("enqueue", "command", "--set", command)
    let log = "\(world.folder)/worker.log"
    let worker = try WorkerProcess(
      world, arguments: ["--allow-commands"], limit: "exec 2> '\(log)'")
    try wait {
      try world.rows(
        "select outcome, cause from pra.attempts where job_id = \(missing) and epoch = 1 and outcome is not null"
      )
        == ["fault host"]
    }
    let good = try enqueue("exit 0")
    try wait { try state(good) == "succeeded " }
    _ = worker
    let said = try String(contentsOfFile: log, encoding: .utf8)
    #expect(said.contains("job \(missing), attempt 1: fault"), "\(said)")
    #expect(!said.contains("takes no jobs"), "\(said)")
    #expect(try world.rows("select faults from pra.jobs where id = \(missing)") == ["0"])
  }

  @Test func aProgramOverItsTimeLimitEndsWithAllThatItStarted() throws {
    let job = try enqueue(
      #"sleep 1000 & echo $! > child; echo "{\"metric\": \"child\", \"value\": $!}" > $PRA_REPORT; wait"#,
      "--time-limit", "6")
    let worker = try WorkerProcess(world, arguments: ["--allow-commands"])
    _ = worker
    try wait {
      try world.rows("select outcome from pra.attempts where job_id = \(job) and epoch = 1") == [
        "timeout"
      ]
    }
    let child = try world.rows(
      "select value::bigint from pra.metrics_raw where name = 'command.child' and epoch = 1")
    let process = try #require(child.first.flatMap { pid_t($0) })
    try wait { kill(process, 0) != 0 }
  }

  @Test func aCancelledProgramIsAskedFirst() throws {
    let job = try enqueue(
      #"trap "echo asked; exit 1" TERM; echo "{\"progress\": 1, \"total\": 2}" > $PRA_REPORT; "#
        + "while :; do sleep 0.05; done")
    let worker = try WorkerProcess(world, arguments: ["--allow-commands"])
    _ = worker
    try wait { try world.rows("select progress_done from pra.jobs where id = \(job)") == ["1"] }
    _ = try world.answer("cancel", job)
    try wait { try state(job).hasPrefix("cancelled") }
    #expect(try world.answer("logs", job).contains("asked"))
  }

  @Test(arguments: [
    (
      ["worker", "--kind", "command"],
      "--kind command: runs programs that submitters name; give --allow-commands besides"
    ),
    (["worker", "--command-env", "A"], "--command-env: has no effect without --allow-commands"),
    (
      ["enqueue", "command"],
      "command: missing; expected a program and its arguments, as in [python3, sharpness.py]"
    ),
    (
      ["enqueue", "command", "--set", "command=[a]", "--set", "environment=[PRA_JOB=1]"],
      "environment: PRA_JOB: names that begin with PRA_ are the program's own"
    ),
    (
      ["enqueue", "command", "--set", "command=[a]", "--set", "name=Fid"],
      "name: found 'Fid', expected a name of at most 63 lower-case letters"
    ),
  ])
  func whatCannotBeIsRefused(_ arguments: [String], _ message: String) throws {
    let outcome = try Outcome(
      arguments, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test(arguments: [
    ("a: {comand: [x]}", "commands.a.comand: unknown key; did you mean 'commands.a.command'?"),
    (
      "a: {command: [x], inputs: [sample]}",
      "commands.a.inputs: found 'sample', expected checkpoint or samples; did you mean 'samples'?"
    ),
    (
      "a: {command: [x], inputs: [samples]}",
      "commands.a.inputs: the run draws no samples; add sample: {count: ...}"
    ),
    ("A: {command: [x]}", "commands: found 'A', expected a name of at most 63 lower-case letters"),
    ("a: {command: [x], files: [no.py]}", "commands.a.files: "),
    ("a: {files: []}", "commands.a.command: missing; expected a program and its arguments"),
  ])
  func aRunFileWithoutSenseIsRefused(_ commands: String, _ message: String) throws {
    let refused = try world.pra("run", try world.runFile("commands:\n  \(commands)"))
    #expect(refused.status == 2 && refused.errors.contains(message), "\(refused.errors)")
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
  }

  @Test func itsKeysAreInTheTable() throws {
    #expect(try world.answer("keys", "commands").contains("commands.NAME.time_limit"))
    #expect(try world.answer("keys", "--kind", "command").contains("environment"))
  }
}
