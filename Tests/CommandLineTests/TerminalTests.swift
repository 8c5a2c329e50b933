// Words of strangers are shown with escapes, and output that finds no room is an error.

import Foundation
import Testing

@Suite struct TerminalTests {
  let world: World
  /// Sets a title, clears the screen, goes back to the line's start, turns the direction of writing.
  private static let hostile = "x\u{1B}]0;owned\u{7}\u{1B}[2J\r\u{9B}31m\u{202E}y\u{200B}"
  private static let shown = #"x\x1b]0;owned\x07\x1b[2J\r\x9b31m\u{202e}y\u{200b}"#

  /// A run, a job, a worker, a message, a label and a log with hostile bytes, written past the checks
  /// that would refuse them today.
  init() throws {
    world = try World()
    _ = try world.answer("run", try world.runFile())
    try world.claimFirst()
    try world.admin.query("update pra_store.runs set name = $1", [.text(Self.hostile)])
    try world.admin.query(
      "update pra_store.workers set name = $1, labels = jsonb_build_object('host', $1::text)",
      [.text(Self.hostile)])
    try world.admin.query(
      "select pra.append_log(1, 1, 0, convert_to($1, 'UTF8'))", [.text(Self.hostile)])
    try world.admin.query("select pra.report_exit(1, 1, 'permanent', $1)", [.text(Self.hostile)])
  }

  private func isPlain(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy {
      $0 == "\n" || ![.control, .format].contains($0.properties.generalCategory)
    }
  }

  @Test(arguments: [
    ["runs"], ["jobs"], ["job", "1"], ["workers", "--all"], ["watch", "1"], ["compare", "1", "1"],
    ["sql", "select name, 'a' || chr(155) || chr(10) || 'b' as \"x\u{1B}[1m\" from pra.runs"],
    ["pause", "1"], ["why", "1"], ["retry", "1"],
  ])
  func nothingThatATerminalObeysIsPrinted(_ arguments: [String]) throws {
    let outcome = try Outcome(
      arguments, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(isPlain(outcome.output) && isPlain(outcome.errors), "\(outcome)")
    if ["runs", "jobs", "job", "workers", "watch", "pause"].contains(arguments[0]) {
      #expect((outcome.output + outcome.errors).contains("owned"), "\(outcome)")
    }
  }

  @Test func messagesAreShownWithEscapesAndJSONIsExact() throws {
    let job = try world.answer("job", "1")
    #expect(job.contains(Self.shown))
    let text = try world.answer("job", "1", "--json")
    #expect(isPlain(text) || text.contains("\u{202E}"))
    let parsed = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let message = parsed?["message"] as? String
    #expect(message == Self.hostile)
    #expect(try world.pra("logs", "1").output == Self.hostile)
    let csv = try world.pra("sql", "--csv", "select name from pra.runs").output
    #expect(csv == "name\n\"\(Self.hostile)\"\n")
  }

  @Test func anUnknownOptionIsShownWithEscapes() throws {
    let outcome = try world.pra("runs", "--x\u{1B}[31m")
    #expect(outcome.status == 2 && isPlain(outcome.errors) && !outcome.errors.isEmpty)
    let missing = try world.pra("jobs", "--run", Self.hostile + "?")
    #expect(missing.status == 3 && missing.errors.contains(#"x\x1b]0;owned\x07\x1b[2J"#))
  }

  @Test func aWorkersLogHasEscapes() throws {
    try world.admin.query("update pra_store.runs set name = 'x'")
    try world.write(
      "stage", "#!/bin/sh\nprintf 'error: a\\033]0;b\\007\\302\\233c\\n'\nexit 65\n")
    // The programs of a worker lie beside it.
    let programs = "\(world.folder)/programs"
    try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: false)
    // Copied by a process of its own: a child that another test starts at this moment would inherit this process's
    // descriptor for writing, and the system runs no program that is open for writing.
    let copied = try Outcome(
      [Outcome.executable, "\(programs)/pra"], program: "/bin/cp", environment: [:],
      in: world.folder)
    #expect(copied.status == 0, "\(copied)")
    try FileManager.default.moveItem(
      atPath: "\(world.folder)/stage", toPath: "\(programs)/pra-ingest")
    chmod("\(programs)/pra-ingest", 0o755)
    _ = try world.answer(
      "enqueue", "ingest", "--set", "source=\(String(repeating: "a", count: 64))")
    let outcome = try Outcome(
      ["worker", "--kind", "ingest", "--until-idle"], program: "\(programs)/pra",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(
      isPlain(outcome.errors) && outcome.errors.contains(#"a\x1b]0;b\x07\x9bc"#), "\(outcome)")
  }

  // MARK: output that cannot be written

  @Test(arguments: [
    ["runs"], ["runs", "--json"], ["jobs"], ["job", "1"], ["sql", "select 1"],
    ["sql", "--csv", "select 1"], ["logs", "1"], ["logs", "--run", "1"], ["logs", "1", "--json"],
    ["completion", "bash"], ["--help"], ["help", "keys"], ["migrate", "print"], ["cancel", "2"],
    ["doctor"], ["--version"], ["export", "csv", "1"], ["watch", "1"],
  ])
  func aFullDiskIsAnError(_ arguments: [String]) throws {
    let outcome = try Outcome(
      arguments, output: "/dev/full",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 1)
    #expect(outcome.errors == "error: standard output: No space left on device\n")
  }

  @Test func aClosedOutputIsAnError() throws {
    let outcome = try Outcome.shell(
      "\"$PRA\" runs >&-", environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
      in: world.folder)
    #expect(outcome.status == 1)
    #expect(outcome.errors == "error: standard output: Bad file descriptor\n")
    // A verb that prints nothing has nothing to lose.
    let silent = try Outcome.shell(
      "\"$PRA\" weight 2 --run 1 >&- 2>&- <&-",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(silent.status == 0)
  }

  @Test func aReaderThatIsGoneIsNoError() throws {
    let outcome = try Outcome.shell(
      "\"$PRA\" sql --csv 'select generate_series(1, 300000)' | head -n 1",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.output == "generate_series\n" && outcome.errors.isEmpty)
    // Also where the parent has told it to ignore the signal.
    let ignoring = try Outcome.shell(
      "trap '' PIPE; \"$PRA\" sql --csv 'select generate_series(1, 300000)' | head -n 1",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(ignoring.errors.isEmpty)
  }

  @Test func standardErrorThatIsFullChangesNothing() throws {
    let outcome = try Outcome.shell(
      "\"$PRA\" job 99 2> /dev/full",
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 3)
  }

  @Test func aFolderIsNoStandardInput() throws {
    let outcome = try Outcome.shell(
      "\"$PRA\" sql < /", environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
      in: world.folder)
    #expect(outcome.status == 1 && outcome.errors == "error: standard input: Is a directory\n")
  }

  @Test func aQueryFromAFileMayHaveAByteOrderMark() throws {
    let outcome = try world.pra("sql", "--csv", input: "\u{FEFF}select 1 as a;\n")
    #expect(outcome.output == "a\n1\n")
  }
}
