// Values of options: what is out of range, too long or of no effect is refused by name.

import Foundation
import Testing

@Suite struct OptionTests {
  let world: World
  private let source = "source=" + String(repeating: "c", count: 64)

  init() throws { world = try World() }

  private func refusal(_ arguments: [String], _ status: Int32 = 2) throws -> String {
    let outcome = try Outcome(
      arguments, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == status, "\(arguments): \(outcome)")
    #expect(outcome.errors.hasPrefix("error: ") && outcome.output.isEmpty, "\(outcome)")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
    // Words of the server.
    for word in [
      "out of range for type", "violates", "invalid input", "escape sequence", "CONTEXT",
    ] {
      #expect(!outcome.errors.contains(word), "\(outcome.errors)")
    }
    return outcome.errors
  }

  @Test(arguments: [
    (["run", "F", "--priority", "2147483648"], "--priority", "-1000000 to 1000000"),
    (["run", "F", "--priority", "1000001"], "--priority", "-1000000 to 1000000"),
    (["run", "F", "--priority", "x"], "--priority", "-1000000 to 1000000"),
    (["sweep", "F", "--priority", "-99999999999999999999"], "--priority", "-1000000 to 1000000"),
    (["jobs", "--limit", "99999999999"], "--limit", "1 to 1000000000"),
    (["jobs", "--limit", "-1"], "--limit", "1 to 1000000000"),
    (["runs", "--limit", "0"], "--limit", "1 to 1000000000"),
    (["enqueue", "ingest", "--delay", "-5", "--set", "S"], "--delay", "seconds from 0"),
    (["enqueue", "ingest", "--delay", "1e300", "--set", "S"], "--delay", "seconds from 0"),
    (["enqueue", "ingest", "--time-limit", "0", "--set", "S"], "--time-limit", "seconds from"),
    (
      ["enqueue", "ingest", "--deadline", "5", "--delay", "100", "--set", "S"], "--deadline",
      "--delay"
    ),
    (["enqueue", "ingest", "--key", "", "--set", "S"], "--key", "1 to 500"),
    (["enqueue", "ingest", "--key", "L", "--set", "S"], "--key", "1 to 500"),
    (["enqueue", "ingest", "--queue", "No Queue", "--set", "S"], "--queue", "small letters"),
    (["enqueue", "ingest", "--require", "vram=80GB", "--set", "S"], "vram=80GB", "unit"),
    (["enqueue", "ingest", "--require", "gpu='A100'", "--set", "S"], "gpu='A100'", "quote"),
    (["enqueue", "ingest", "--array", "0-9%999999", "--set", "S"], "--array", "%100000"),
    (["worker", "--slots", "2147483648"], "--slots", "1 to 10000"),
    (["worker", "--threads", "-1"], "--threads", "1 to 4096"),
    (["worker", "--cache", "5XB"], "--cache", "500GB"),
    (["worker", "--label", "vram=80GB"], "vram=80GB", "vram_gib=80"),
    (["worker", "--label", "a b=c"], "a b=c", "letters"),
    (["worker", "--label", "gpu="], "gpu=", "1 to 200"),
    (["worker", "--label", "gpu='x'"], "gpu='x'", "quote"),
    (["worker", "--label", "gpu=a", "--label", "gpu=b"], "gpu", "twice"),
    (["worker", "--queue", "A/B"], "--queue", "small letters"),
    (["worker", "--name", "L"], "--name", "1 to 200"),
    (["priority", "1", "--to", "1000001"], "--to", "-1000000"),
    (["preempt", "1", "--grace", "-1"], "--grace", "seconds from 0"),
    (["preempt", "1", "--reason", "L"], "--reason", "1 to 1000"),
    (["limits", "--set", "a/b=3"], "a/b=3", "name=slots"),
    (["limits", "--set", "a=100001"], "a=100001", "100000"),
    (["images", "1", "-o", "x.png", "--scale", "17"], "--scale", "1 to 16"),
    (["gc", "--keep-last", "-1"], "--keep-last", "0 to 2147483647"),
    (["gc", "--keep-last", "2147483648"], "--keep-last", "0 to 2147483647"),
    (["gc", "--keep-best", "1", "--by", "losss"], "--by losss", "did you mean 'loss'"),
    (
      ["gc", "--schedule", "@daily", "--keep-best", "1", "--by", "losss"], "--by losss",
      "did you mean 'loss'"
    ),
    (["worker", "--name", "9"], "--name", "digits alone"),
    (
      ["enqueue", "sample", "--array", "0-999999999999", "--set", "train=1", "--set", "count=2"],
      "--array 0-999999999999", "expected"
    ),
    (["run", "F", "--set", "name=sweep=x", "--dry-run"], "sweep=x", "expected another name"),
    (["run", "F", "--set", "name=id=x", "--dry-run"], "id=x", "expected another name"),
    (["export", "images", "1", "-o", "F"], "run.yaml", "is a file; expected a folder"),
    (["export", "tensorboard", "1", "-o", "F"], "run.yaml", "is a file; expected a folder"),
  ])
  func aValueThatCannotBeIsNamedWithItsRange(
    arguments: [String], option: String, range: String
  ) throws {
    let file = try world.runFile()
    let long = String(repeating: "k", count: 10_000)
    let message = try refusal(
      arguments.map { ["F": file, "S": source, "L": long][$0] ?? $0 })
    #expect(message.contains(option) && message.contains(range), "\(message)")
  }

  @Test func aNegativePriorityIsRead() throws {
    _ = try world.answer("enqueue", "ingest", "--set", source, "--priority", "-5")
    _ = try world.answer("run", try world.runFile(), "--priority", "-7")
    #expect(
      try world.rows("select distinct priority from pra.jobs order by priority") == ["-7", "-5"])
  }

  @Test(arguments: [
    (["--set", #"data.folder="a\u0000b""#], "data.folder"), (["--set", "name=12"], "name"),
    (["--set", "name='12'"], "name: '12' has digits alone"),
    (["--set", "name=id=3"], "name: 'id=3' is how a run is named by its number"),
    (["--set", "name=' '"], "blanks"),
    (["--set", #"name="a\u001bb""#], "name"), (["--set", #"name="a\u202eb""#], "name"),
  ])
  func textsThatCannotBeStoredAreNamed(options: [String], word: String) throws {
    let message = try refusal(["run", try world.runFile()] + options)
    #expect(message.contains(word), "\(message)")
    #expect(try world.rows("select count(*) from pra.runs") == ["0"])
  }

  @Test func aZeroByteInAFileIsNamedByItsKey() throws {
    let file = try world.write(
      "zero.yaml", "name: a\ndata: {source: x.tar, folder: \"a\\0b\"}\n")
    let message = try refusal(["run", file])
    #expect(message.contains("data.folder: holds a zero byte"), "\(message)")
    let arguments = try world.write("zero.json", #"{"source_name": "a\u0000"}"#)
    #expect(
      try refusal(["enqueue", "ingest", "--set", source, "--config", arguments])
        .contains("source_name: holds a zero byte"))
  }

  @Test func aKeyOfFiveHundredCharactersIsTaken() throws {
    for count in [1, 496, 497, 500] {
      let key = String(repeating: "ü", count: count)
      let first = try world.answer("enqueue", "ingest", "--set", source, "--key", key)
      #expect(try world.answer("enqueue", "ingest", "--set", source, "--key", key) == first)
    }
    #expect(try world.rows("select count(*) from pra.runs") == ["4"])
  }

  @Test func whatIsSetBeatsWhatAFileImplies() throws {
    let tar = "\(Repository.root)/ops/demo.d/emoji-32.tar"
    _ = try world.answer(
      "enqueue", "ingest", "--set", "source_name=mine", "--file", "source=\(tar)")
    #expect(try world.rows("select arguments ->> 'source_name' from pra.jobs") == ["mine"])
    let message = try refusal(["enqueue", "ingest", "--file", "source=\(tar)", "--set", source])
    #expect(message.contains("source: is given by --file and by --set"))
  }

  @Test func aByteOrderMarkIsReadOver() throws {
    let text = try String(contentsOfFile: try world.runFile(), encoding: .utf8)
    _ = try world.answer("run", try world.write("marked.yaml", "\u{FEFF}\(text)"))
    let arguments = try world.write("marked.json", "\u{FEFF}{\"skip_limit\": 3}")
    _ = try world.answer("enqueue", "ingest", "--set", source, "--config", arguments)
    #expect(try world.rows("select count(*) from pra.jobs where kind = 'ingest'") == ["2"])
  }

  /// From the time when a run could be called 1.
  @Test func aNumberThatIsANameAsWellIsRefused() throws {
    let file = try world.runFile()
    for _ in 0..<2 { _ = try world.answer("run", file) }
    try world.admin.run("update pra_store.runs set name = '1' where id = 2")
    for arguments in [["jobs", "--run", "1"], ["pause", "1"], ["cancel", "--run", "1"]] {
      let message = try refusal(arguments)
      #expect(message.contains("'1' is run 1 and the name of run 2"), "\(message)")
    }
    #expect(try world.answer("pause", "id=1").contains("run 1"))
    #expect(try world.answer("pause", "2").contains("run 2"))
    #expect(try refusal(["pause", "+1"], 3).contains("there is no run '+1'"))
  }

  @Test func aDeadParentIsNamed() throws {
    let first = try world.answer("enqueue", "ingest", "--set", source)
    _ = try world.answer("cancel", first)
    let outcome = try world.pra(
      "enqueue", "ingest", "--set", source, "--after", first, "--run", "1")
    #expect(outcome.status == 0)
    #expect(
      outcome.errors
        == "pra: job 2 waits for job 1, which is cancelled: it starts only after pra retry 1\n")
  }

  @Test(arguments: [["jobs", "--array", "77"], ["export", "outputs", "77", "-o", "x"]])
  func aNumberThatIsNotThereIsNotFound(_ arguments: [String]) throws {
    #expect(try refusal(arguments, 3).contains("there is no job 77"))
  }
}
