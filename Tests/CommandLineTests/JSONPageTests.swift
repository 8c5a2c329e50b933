// `--json` of every verb that has it: one name for one thing, and times with their zone. The table of docs/json.md is
// made from what the verbs print.

import Foundation
import PageTesting
import Raster
import Testing

@Suite struct JSONPageTests {
  private let world: World

  /// Run `drawn` has left everything that a run can leave; run `other` waits.
  init() throws {
    world = try World()
    try world.admin.run("select pra.enqueue('train', pra.create_run('drawn'), '{}')")
    try world.claimFirst()
    for kind in ["sample", "evaluate"] {
      try world.admin.run(
        "select pra.enqueue('\(kind)', 1, '{}'); select pra.claim((select max(id) from pra.workers), 1)"
      )
    }
    try world.admin.run(
      """
      select pra.continue_from(1, 1), pra.append_log(1, 1, 0, 'hello\n');
      insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
      values (1, 1, 1, 'loss', '{0,1,2,3}', '{4,3,2,1}');
      select pra.absorb_metrics(1, 1, 1)
      """)
    let pixels = try Picture(
      width: 2, height: 2, channels: 3, pixels: [UInt8](repeating: 9, count: 12)
    )
    .png()
    let png = try world.store(pixels, "image/png")
    let file = try world.store(Array("weights".utf8), "application/octet-stream")
    try world.admin.run(
      """
      select pra.register_checkpoint(
        1, 1, 4, '[{"name": "model.safetensors", "sha256": "\(file)", "media_type": "application/octet-stream"}]');
      select pra.finish(
        2, 1, images => '[{"number": 0, "label": 0, "class": "sky", "seed": 1, "sha256": "\(png)"}]');
      select pra.finish(
        3, 1, outputs => '[{"name": "comparison.png", "sha256": "\(png)", "media_type": "image/png"}]',
        evaluations => '[{"metric": "frechet.random", "scope": "overall", "value": 1.5, "images": 1}]');
      update pra_store.jobs set kind = 'compare' where id = 3;
      select pra.finish(1, 1, metric_batch => 1);
      select pra.enqueue('ingest', pra.create_run('other'), '{}')
      """)
    try world.claimFirst()
    try world.admin.run(
      """
      select pra.finish(4, 1, result => '{"images": 3, "classes": 1, "fingerprint": "ab"}');
      select pra.enqueue('train', 2, '{}');
      select pra.create_sweep('both', '{seed}', '{1,2}');
      select pra.schedule('nightly', '0 3 * * *', 2, 'reference', '{}');
      select pra.set_limit('licence', 2)
      """)
  }

  /// The words of a verb that has --json, for this world.
  private var examples: [String: [String]] {
    let out = "\(world.folder)/out"
    return [
      "runs": [], "jobs": [], "job": ["1"], "why": ["5"], "workers": ["--all"], "limits": [],
      "demand": [],
      "schedules": [], "data": [], "checkpoints": ["drawn"], "evaluations": ["drawn"],
      "compare": ["drawn", "other"], "logs": ["1"], "watch": ["drawn"], "sweep show": ["both"],
      "images": ["drawn", "-o", "\(out).png"],
      "plot": ["drawn", "-o", "\(out).svg", "--metric", "loss"],
      "store use": [], "store verify": [], "gc": ["drawn", "--keep-last", "1", "--dry-run"],
      "delete": ["drawn", "--dry-run"], "doctor": [], "migrate": ["status"],
      "export checkpoint": ["drawn", "-o", out], "export images": ["drawn", "-o", out],
      "export npz": ["drawn", "-o", "\(out).npz"], "export tensorboard": ["drawn", "-o", out],
      "export comparison": ["drawn", "-o", out], "export outputs": ["3", "-o", out],
    ]
  }

  /// Verbs whose keys are those of something else.
  private static let others = [
    "config": "the run file, with its keys", "keys": "a list of keys with their members",
    "presets": "a list of presets with their members",
    "sql": "a list of rows with the columns of the query",
  ]

  /// Objects whose keys are not ours: arguments, settings, names of figures.
  private static let open: Set = [
    "arguments", "result", "labels", "details", "ruler", "sampling", "settings", "metrics",
    "evaluations",
    "not_compared", "last_values", "ignored_reasons",
  ]
  private static let times: Set = ["deadline", "run_after", "blamed_until", "lack_since"]

  /// The verbs that have --json, as the program knows them.
  private func verbs() throws -> Set<String> {
    struct Described: Decodable {
      struct Argument: Decodable {
        struct Name: Decodable { let name: String }
        let names: [Name]?
      }
      let commandName: String
      let arguments: [Argument]?
      let subcommands: [Described]?
    }
    struct Dump: Decodable { let command: Described }
    let text = try world.answer("--experimental-dump-help")
    var found: Set<String> = []
    func walk(_ verb: Described, _ path: [String]) {
      let names = (verb.arguments ?? []).flatMap { ($0.names ?? []).map(\.name) }
      if names.contains("json") { found.insert(path.joined(separator: " ")) }
      for next in verb.subcommands ?? [] { walk(next, path + [next.commandName]) }
    }
    walk(try JSONDecoder().decode(Dump.self, from: Data(text.utf8)).command, [])
    return found
  }

  @Test func theSameThingHasTheSameKeyEverywhere() throws {
    let verbs = try verbs()
    #expect(verbs == Set(examples.keys).union(Self.others.keys))
    var rows: [String: String] = Self.others.mapValues { $0 }
    for (verb, words) in examples {
      let outcome = try Outcome(
        verb.split(separator: " ").map(String.init) + words + ["--json"],
        environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect([0, 1].contains(outcome.status) && !outcome.output.isEmpty, "\(verb): \(outcome)")
      let isLines = ["logs", "watch", "export images"].contains(verb)
      let texts =
        isLines ? outcome.output.split(separator: "\n").map(String.init) : [outcome.output]
      let values = try texts.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) }
      for value in values { check(value, in: verb) }
      let objects = values.flatMap { ($0 as? [Any]) ?? [$0] }.compactMap { $0 as? [String: Any] }
      #expect(!objects.isEmpty, "\(verb): shows nothing of this world")
      let keys = Set(objects.flatMap(\.keys)).sorted().map { "`\($0)`" }.joined(separator: " ")
      let form = isLines ? "an object a line" : values[0] is [Any] ? "a list" : "an object"
      rows[verb] = "\(form): \(keys)"
    }
    let table =
      "| verb | prints |\n|---|---|\n"
      + rows.sorted { $0.key < $1.key }.map { "| `pra \($0)` | \($1) |\n" }.joined()
    let page = Page("docs/json.md")
    try page.updateIfAsked("verbs", with: table)
    #expect(
      try page.part("verbs") == table, "PRA_UPDATE_GOLDEN=1 swift test --filter JSONPageTests")
  }

  /// Compares keys and values with the rules of docs/json.md.
  private func check(_ value: Any, in place: String) {
    if let list = value as? [Any] { for one in list { check(one, in: place) } }
    guard let object = value as? [String: Any] else { return }
    for (key, value) in object {
      let at = "\(place).\(key)"
      #expect(!["id", "epoch"].contains(key) && !key.hasSuffix("_id"), "\(at)")
      if value is NSNull { continue }
      if ["run", "job", "worker", "array"].contains(key) {
        #expect(value is Int, "\(at): \(value)")
      }
      if key.hasSuffix("_name") { #expect(value is String, "\(at): \(value)") }
      if key.hasSuffix("_at") || Self.times.contains(key) {
        let isTime = (value as? String)?.wholeMatch(
          of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)/)
        #expect(isTime != nil, "\(at): \(value)")
      }
      if !(value is [String: Any] && Self.open.contains(key)) { check(value, in: at) }
    }
  }

  /// A verb that takes a run by position takes it by --run.
  @Test func aRunIsNamedByPositionAndByOption() throws {
    let text = try world.answer("--experimental-dump-help")
    let dump = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    var byPosition: [String: Bool] = [:]
    func walk(_ verb: [String: Any], _ path: [String]) {
      let arguments = verb["arguments"] as? [[String: Any]] ?? []
      let names = arguments.flatMap { $0["names"] as? [[String: Any]] ?? [] }
        .compactMap { $0["name"] as? String }
      let places = arguments.filter { $0["kind"] as? String == "positional" }
        .compactMap { $0["valueName"] as? String }
      if places.contains("run") || names.contains("run") {
        byPosition[path.joined(separator: " ")] =
          names.contains("run") && !places.isDisjoint(with: ["run", "jobs", "job", "run-or-job"])
      }
      for next in verb["subcommands"] as? [[String: Any]] ?? [] {
        walk(next, path + [next["commandName"] as? String ?? ""])
      }
    }
    walk(try #require(dump["command"] as? [String: Any]), [])
    // Their position is that of the kind of the new job.
    #expect(byPosition.filter { !$0.value }.keys.sorted() == ["enqueue", "schedule"])
    #expect(byPosition.count > 30)
    for words in [
      ["jobs", "drawn"], ["jobs", "--run", "drawn"], ["evaluations", "--run", "drawn"],
      ["tag", "--run", "drawn", "paper"], ["tag", "drawn"], ["note", "--run", "drawn", "first"],
      ["compare", "drawn", "--run", "other"], ["watch", "--run", "drawn"],
      ["export", "csv", "--run", "drawn"], ["rename", "--run", "other", "third"],
      ["archive", "--run", "third"],
      ["export", "checkpoint", "--run", "drawn", "-o", "\(world.folder)/x"],
    ] { _ = try world.answer(words) }
    #expect(
      try world.rows("select name, tags, note from pra.runs order by id") == [
        "drawn {paper} first", "third {} -",
      ])
    for words in [
      ["rename", "drawn"], ["rename", "--run", "drawn", "a", "b"], ["archive"], ["delete"],
    ] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      #expect(outcome.status == 2, "\(words): \(outcome)")
    }
  }
}

extension [String] {
  fileprivate func isDisjoint(with others: Set<String>) -> Bool { others.isDisjoint(with: self) }
}
