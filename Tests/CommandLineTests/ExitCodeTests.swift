// Exit codes, and messages of bad input: one line, `error: ...`, that names the fault.

import Foundation
import Testing

@Suite struct ExitCodeTests {
  let world: World

  init() throws { world = try World() }

  private func expect(
    _ arguments: [String], endsWith status: Int32, naming words: String...,
    environment: [String: String] = [:], location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try Outcome(
      arguments,
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo].merging(environment) { $1 },
      in: world.folder)
    #expect(outcome.status == status, "\(outcome.errors)", sourceLocation: location)
    #expect(outcome.errors.hasPrefix("error: "), sourceLocation: location)
    #expect(
      outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)",
      sourceLocation: location)
    #expect(outcome.output.isEmpty, sourceLocation: location)
    for word in words {
      #expect(outcome.errors.contains(word), "\(outcome.errors)", sourceLocation: location)
    }
  }

  @Test func anUnknownKeyIsNamedWithTheNearest() throws {
    let file = try world.runFile("training: {total: 5}")
    try expect(["run", file], endsWith: 2, naming: "run.yaml", "training", "config.training")
    let good = try world.runFile()
    try expect(
      ["run", good, "--set", "training.totl=5"], endsWith: 2, naming: "training.totl",
      "training.total")
  }

  @Test func aWrongTypeIsNamed() throws {
    let file = try world.runFile("sample: {count: many}")
    try expect(["run", file], endsWith: 2, naming: "sample.count", "'many'", "integer")
  }

  @Test func aMissingFileIsBadInput() throws {
    try expect(["run", "\(world.folder)/none.yaml"], endsWith: 2, naming: "none.yaml")
    let file = try world.runFile()
    try expect(
      ["run", file, "--set", "data.source=gone.tar"], endsWith: 2, naming: "data.source", "gone.tar"
    )
  }

  @Test func badInputIsFoundBeforeTheDatabaseIs() throws {
    let file = try world.runFile("surprise: 1")
    try expect(
      ["run", file], endsWith: 2, naming: "surprise",
      environment: ["PRA_DATABASE_URL": "host=\(world.folder)"])
  }

  @Test func aNameThatLeavesTheArchiveIsRefusedBeforeAnythingIsWritten() throws {
    try world.write("evil.txt", "x")
    for channel in ["in", "out", "err"] { try world.write("tar.\(channel)", "") }
    let status = try Outcome.run(
      [
        "/usr/bin/env", "tar", "-C", world.folder, "-cf", "\(world.folder)/evil.tar", "--transform",
        "s,^,../,", "evil.txt",
      ], ["PATH=/usr/bin:/bin"], channels: "\(world.folder)/tar")
    #expect(status == 0)
    let file = try world.runFile()
    try expect(
      ["run", file, "--set", "data.source=evil.tar"], endsWith: 2, naming: "evil.tar", "..")
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
    #expect(try world.rows("select count(*) from pra.artifacts") == ["0"])
  }

  @Test(arguments: [
    ["nonsense"], ["jobs", "--state", "tired"], ["job", "x"], ["cancel"], ["runs", "--limit", "0"],
  ])
  func badUsageEndsWithTwo(_ arguments: [String]) throws { try expect(arguments, endsWith: 2) }

  @Test(arguments: [
    ["worker", "--slots", "0"], ["worker", "--label", "x"], ["worker", "--kind", "dream"],
    ["worker", "--lease", "4", "--beat", "3"], ["enqueue", "trian"], ["sql", "selec 1"],
    ["enqueue", "ingest", "--delay", "inf", "--set", "source=a"],
    ["cancel", "--run", "1", "--with-dependents"], ["plot", "1", "-o", "loss.pdf"],
    ["enqueue", "train", "--require", "gpu", "--set", "data=1"],
  ])
  func aBadValueEndsWithTwo(_ arguments: [String]) throws {
    _ = try world.answer(
      "enqueue", "ingest", "--set", "source=\(String(repeating: "a", count: 64))")
    try expect(arguments, endsWith: 2)
  }

  @Test(arguments: [
    "2026-13-01", "2026-02-30", "1900-02-29", "2026-00-01", "2026-01-00", "0000-01-01",
    "999999-01-01", "2026-1-1", "", "now", "-infinity",
  ])
  func aDateThatIsNoneIsNamed(date: String) throws {
    for option in ["--drop-metrics-before", "--drop-events-before"] {
      // A text that begins with a dash is a value only behind an equals sign.
      let words = date.hasPrefix("-") ? ["\(option)=\(date)"] : [option, date]
      try expect(
        ["gc"] + words, endsWith: 2,
        naming: "\(option) '\(date)': expected a date as 2026-01-01")
    }
  }

  @Test(arguments: [
    (["--keep-every", "0"], "--keep-every 0: expected 1 or more"),
    (["--keep-best", "-1"], "--keep-best -1: expected 0 to 2147483647"),
    (["--grace", "inf"], "--grace inf: expected hours from 0 to below 1000000"),
    (["--grace", "999999999"], "expected hours from 0 to below 1000000"),
  ])
  func aRuleOutOfItsBoundsIsNamed(words: [String], sentence: String) throws {
    try expect(["gc"] + words, endsWith: 2, naming: sentence)
  }

  @Test(arguments: [
    ["job", "99"], ["why", "99"], ["logs", "99"], ["cancel", "99"], ["retry", "99"],
    ["preempt", "99"], ["priority", "99", "--to", "1"], ["watch", "none"], ["evaluations", "none"],
    ["jobs", "--run", "none"],
    ["pause", "none"], ["pause", "--queue", "none"], ["plot", "none"], ["export", "csv", "none"],
    ["images", "none", "-o", "grid.png"], ["export", "images", "none", "-o", "images"],
    ["export", "checkpoint", "none", "-o", "checkpoint"],
    ["enqueue", "sample", "--set", "train=99", "--set", "count=1"],
    ["enqueue", "train", "--set", "data=99"],
  ])
  func whatIsNotThereEndsWithThree(_ arguments: [String]) throws {
    try expect(arguments, endsWith: 3, naming: "there is no")
  }

  @Test(arguments: [
    ["runs"], ["jobs"], ["sql", "select 1"], ["migrate", "status"],
  ])
  func anUnreachableDatabaseEndsWithFour(_ arguments: [String]) throws {
    try expect(
      arguments, endsWith: 4, naming: "database", "\(world.folder)",
      environment: ["PRA_DATABASE_URL": "host=\(world.folder)"])
  }

  @Test(arguments: [[], ["--json"], ["--csv"]])
  func aCopyToTheClientIsRefusedInWords(options: [String]) throws {
    try expect(["sql", "copy (select 1) to stdout"] + options, endsWith: 1, naming: "COPY", "psql")
  }

  @Test("bytes that are no text are refused: two such keys would be one")
  func brokenText() throws {
    for byte in ["\\377", "\\300\\200"] {
      let outcome = try Outcome.shell(
        #""$PRA" enqueue ingest --key "$(printf 'a\#(byte)')" --set source=a"#,
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 2)
      #expect(outcome.errors.hasPrefix("error: argument 4, 'a"), "\(outcome.errors)")
      #expect(outcome.errors.hasSuffix("is not UTF-8 text\n"), "\(outcome.errors)")
    }
  }

  @Test func aZeroByteOnStandardInputIsRefused() throws {
    let outcome = try Outcome.shell(
      #"printf 'select 1\000' | "$PRA" sql"#,
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2)
    #expect(outcome.errors == "error: standard input: holds a zero byte; expected text\n")
  }

  @Test("output that fails behind what was done says what was done")
  func doneButUnsaid() throws {
    let source = String(repeating: "a", count: 64)
    for (words, done) in [
      (["run", try world.runFile()], "run 1 is enqueued"),
      (["sweep", try world.runFile(), "--set", "seed=1,2"], "runs 2, 3 are enqueued"),
      (["enqueue", "ingest", "--set", "source=\(source)"], "is enqueued"),
    ] {
      let outcome = try Outcome(
        words, output: "/dev/full",
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 1)
      #expect(
        outcome.errors.hasPrefix("error: standard output: No space left on device; ")
          && outcome.errors.contains(done), "\(outcome.errors)")
    }
  }

  @Test func anAddressThatIsNoneEndsWithTwo() throws {
    try expect(
      ["runs"], endsWith: 2, naming: "PRA_DATABASE_URL",
      environment: ["PRA_DATABASE_URL": "host=a colour=red"])
  }

  @Test func anEmptyDatabaseIsNotOurs() throws {
    try world.admin.run("drop schema pra cascade; drop schema pra_store cascade")
    try expect(["runs"], endsWith: 1, naming: "pra migrate")
  }
}
