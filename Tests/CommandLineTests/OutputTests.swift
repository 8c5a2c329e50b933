// The output of the reading verbs: tables, JSON, CSV, logs; never control characters in a file.

import Foundation
import Testing

@Suite struct OutputTests {
  let world: World

  init() throws {
    world = try World()
    _ = try world.answer("run", try world.runFile())
  }

  @Test(arguments: [
    ["runs"], ["jobs"], ["job", "1"], ["why", "1"], ["workers"], ["evaluations", "1"],
    ["migrate", "status"], ["sql", "select 1 as one"], ["sql", "show work_mem"],
    ["sql", "select 1 as one -- the first"],
  ])
  func jsonIsJSON(_ arguments: [String]) throws {
    let outcome = try Outcome(
      arguments + ["--json"], environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
      in: world.folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    _ = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
  }

  /// Those of docs/json.md: the number of a job is `job`, and so on.
  @Test func jsonHasTheColumnsOfTheView() throws {
    let text = try world.answer("jobs", "--json", "--state", "ready")
    let jobs = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    #expect(jobs.count == 1)
    let columns = try world.rows(
      """
      select attname from pg_attribute
      where attrelid = 'pra.jobs'::regclass and attnum > 0 order by attname
      """)
    let names = [
      "id": "job", "run_id": "run", "worker_id": "worker", "array_id": "array", "epoch": "attempt",
    ]
    #expect(jobs[0].keys.sorted() == columns.map { names[$0] ?? $0 }.sorted())
    #expect(jobs[0]["state"] as? String == "ready")
  }

  @Test func tablesAreAlignedAndPlain() throws {
    let outcome = try world.pra("jobs", environment: ["TERM": "xterm-256color"])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2 + 4)
    let start = try #require(lines[0].range(of: "state")).lowerBound
    let column = lines[0].distance(from: lines[0].startIndex, to: start)
    for line in lines.dropFirst(2) {
      let cell = line.dropFirst(column).prefix { $0 != " " }
      #expect(cell == "ready" || cell == "blocked", "\(line)")
    }
    #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("\r"))
  }

  @Test func aQueryComesFromStandardInputToo() throws {
    let outcome = try world.pra(
      "sql", "--csv", input: "select 1 as a, 'x,\"y\"' as b, null as c;\n")
    #expect(outcome.output == "a,b,c\n1,\"x,\"\"y\"\"\",\n")
  }

  @Test(arguments: [
    "update pra_store.jobs set state = 'failed'", "select * from pra_store.jobs",
    "select pra.cancel(1)", "create table t ()",
  ])
  func aQueryChangesNothing(_ query: String) throws {
    let outcome = try world.pra("sql", query)
    #expect(outcome.status == 1, "\(outcome.output)")
    #expect(outcome.errors.hasPrefix("error: "))
    #expect(try world.rows("select state from pra.jobs where id = 1") == ["ready"])
  }

  @Test func logsAreWhatWasPrinted() throws {
    try world.claimFirst()
    try world.admin.run(
      "select pra.append_log(1, 1, 0, 'one\ntw'), pra.append_log(1, 1, 1, 'o\n')")
    #expect(try world.pra("logs", "1").output == "one\ntwo\n")
    let lines = try world.answer("logs", "1", "--json").split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0] == #"{"job":1,"attempt":1,"ordinal":0,"text":"one\ntw"}"#)
    #expect(try world.pra("logs", "1", "--attempt", "2").status == 3)
  }

  @Test("the logs of a run name the attempt of each line, over workers and attempts")
  func logsOfARun() throws {
    try world.claimFirst()
    try world.admin.run(
      """
      select pra.append_log(1, 1, 0, 'one\ntw'), pra.append_log(1, 1, 1, 'o\n'),
        pra.append_log(1, 1, 2, 'cut');
      select pra.report_exit(1, 1, 'released')
      """)
    try world.claimFirst()
    try world.admin.run(
      "select pra.append_log(1, 2, 0, 'again\n'), pra.report_exit(1, 2, 'permanent', 'no')")
    let name = try world.rows("select run_name from pra.jobs where id = 1")[0]
    for follows in [false, true] {
      let outcome =
        try follows ? world.pra("logs", "--run", name, "-f") : world.pra("logs", "--run", name)
      let kind = try world.rows("select kind from pra.jobs where id = 1")[0]
      // An incomplete line is held back as long as its attempt may print more.
      #expect(
        outcome.output.split(separator: "\n").sorted() == [
          "\(kind) 1.1 w | cut", "\(kind) 1.1 w | one", "\(kind) 1.1 w | two",
          "\(kind) 1.2 w | again",
        ])
    }
    #expect(try world.pra("logs").status == 2)
    #expect(try world.pra("logs", "1", "--run", name).status == 2)
    #expect(try world.pra("logs", "--run", "nobody").status == 3)
  }

  @Test func followedLogsEndWithTheJob() throws {
    try world.claimFirst()
    try world.admin.run(
      "select pra.append_log(1, 1, 0, 'last words\n'), pra.report_exit(1, 1, 'permanent', 'no')")
    let outcome = try world.pra("logs", "1", "-f")
    #expect(outcome.status == 0 && outcome.output == "last words\n")
  }
}

extension World {
  /// Claims the first job of the queue with a worker as of 0.1.0, whose calls need no token.
  func claimFirst() throws {
    try admin.run(
      """
      select pra.register_worker(
        'w', '{}', '{default}', '{ingest,train,sample,evaluate}', 9, '10 minutes');
      update pra_store.workers set token = null;
      select pra.claim((select max(id) from pra.workers), 1)
      """)
  }
}
