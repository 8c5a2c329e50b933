// The table of keys: whole, described, and true of what the readers accept.

import Foundation
import Testing

@testable import Configuration

@Suite struct KeyTests {
  /// A key whose declaration says nothing of it fails here.
  @Test(arguments: Key.all.map(\.name)) func aKeyHasAMeaning(_ name: String) throws {
    let key = try #require(Key.all.first { $0.name == name })
    #expect(key.meaning.hasSuffix(".") && key.meaning.count >= 15, "\(name): \(key.meaning)")
    let first = try #require(key.meaning.first)
    #expect(first.isUppercase || first.isNumber, "\(name): \(key.meaning)")
    #expect(!key.meaning.contains("\n"))
    for word in ["What ", "Whoever ", "Who ", "Of "] {
      #expect(!key.meaning.hasPrefix(word), "\(name): \(key.meaning)")
    }
  }

  @Test func everyKeyOfAConfigurationIsThereOnce() throws {
    func leaves(_ value: Any, _ prefix: String) -> [String] {
      guard let object = value as? [String: Any] else { return [prefix] }
      return object.flatMap { leaves($0.value, prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") }
    }
    let json = Data(Preset.nano.configuration.canonicalJSON.utf8)
    let stored = leaves(try JSONSerialization.jsonObject(with: json), "")
    #expect(Key.settings.filter { !$0.isSection }.map(\.name).sorted() == stored.sorted())
    #expect(Set(Key.all.map(\.name)).count == Key.all.count)
    // Every setting is from somewhere.
    #expect(Key.settings.allSatisfy { $0.source != nil })
  }

  @Test func defaultsAreThoseOfThePresets() throws {
    for key in Key.settings where !key.isSection && key.name != "preset" {
      for preset in Preset.allCases {
        let parsed = try JSONSerialization.jsonObject(
          with: Data(preset.configuration.canonicalJSON.utf8))
        let value = key.name.split(separator: ".").reduce(parsed as Any?) {
          ($0 as? [String: Any])?[String($1)]
        }
        let told = key.presets.first { $0.preset == preset }?.json ?? key.standard
        let read = try JSONSerialization.jsonObject(
          with: Data(try #require(told).utf8), options: .fragmentsAllowed)
        #expect(
          String(describing: read) == String(describing: try #require(value)),
          "\(key.name) in \(preset.rawValue)")
      }
    }
    let preset = try #require(Key.settings.first { $0.name == "preset" })
    #expect(preset.standard == #""nano""# && preset.presets.isEmpty)
    let steps = try #require(Key.settings.first { $0.name == "sampling.steps" })
    #expect(steps.standard == "25" && steps.presets.map(\.json) == ["100", "100", "100"])
  }

  /// Whether a configuration takes a value at a key, apart from rules that join keys.
  private func takes(_ name: String, _ value: String) -> Bool {
    var configuration = ModelConfiguration()
    return (try? configuration.apply(Override("\(name)=\(value)").nested, at: "")) != nil
  }

  @Test(arguments: Key.settings.filter { !$0.isSection }.map(\.name))
  func aKeyTakesWhatTheTableSays(_ name: String) throws {
    let key = try #require(Key.settings.first { $0.name == name })
    #expect(takes(name, "null") == key.values.orNull)
    let standard = try #require(key.standard)
    #expect(takes(name, standard))
    for choice in key.values.choices { #expect(takes(name, choice)) }
    #expect(!takes(name, "{a: 1}") && !takes(name, "[[1]]"))
    guard !key.values.range.isEmpty else { return }
    let range = try #require(
      try /(from|above) (\S+)(?: (to below|to) (\S+))?/.wholeMatch(in: key.values.range))
    func value(_ number: some StringProtocol) -> String {
      key.values.type.hasPrefix("list of 2")
        ? "[\(number), \(number)]"
        : key.values.type.hasPrefix("list") ? "[\(number)]" : String(number)
    }
    #expect(takes(name, value(range.2)) == (range.1 == "from"), "\(key.values.range)")
    #expect(!takes(name, value("-1")))
    if let upper = range.4 {
      #expect(takes(name, value(upper)) == (range.3 == "to"), "\(key.values.range)")
      #expect(!takes(name, value("1\(upper)")))
    }
  }

  /// A run file without a key that the table calls required.
  @Test(arguments: [
    ("name", ""), ("data", ""), ("sample.count", "sample: {shards: 1}"),
    ("evaluate.inception", "sample: {count: 1}\nevaluate: {shards: 1}"),
  ])
  func aRequiredKeyIsMissed(_ name: String, _ settings: String) throws {
    let text = [
      name == "name" ? "" : "name: a", name.hasPrefix("data") ? "" : "data: {source: b}", settings,
    ].joined(separator: "\n")
    #expect { try RunFile(text: text, source: "run.yaml") } throws: {
      "\($0)".hasPrefix("run.yaml: \(name): missing")
    }
    #expect(Key.all.first { $0.name == name }?.isRequired == true)
  }

  /// Keys that name one thing in several ways: one of them is needed, and no more than one is taken.
  @Test(arguments: [
    ("data: {skip_limit: 1}", "data.source: missing"),
    ("data: {source: a.tar, run: emoji}", "data: found source and run; keep one"),
    ("data: {run: emoji, job: 3}", "data: found run and job; keep one"),
    (
      "data: {run: emoji, skip_limit: 1}",
      "data.skip_limit: has no effect on data that were ingested before"
    ),
    ("data: {source: a}\ninit: {restart: true}", "init.file: missing"),
    ("data: {source: a}\ninit: {file: a, run: 3}", "init: found file and run; keep one"),
    ("data: {source: a}\ninit: {file: a, step: 3}", "init.step: has no effect on a file"),
    (
      "data: {source: a}\ninit: {run: 3, step: newest}",
      "init.step: found 'newest', expected last, best"
    ),
  ])
  func oneOfSeveralKeysIsGiven(_ settings: String, _ message: String) throws {
    #expect { try RunFile(text: "name: a\n\(settings)", source: "run.yaml") } throws: {
      "\($0)".contains(message)
    }
  }

  @Test func numbersAndNamesOfRunsAreTakenAlike() throws {
    let file = try RunFile(
      text: "name: a\ndata: {run: 13}\ninit: {run: emoji, step: 1200}", source: "run.yaml")
    #expect(file.data.run == "13" && file.start?.run == "emoji" && file.start?.step == "1200")
  }

  @Test func noOtherKeyIsRequired() {
    #expect(
      Key.all.filter(\.isRequired).map(\.name) == [
        "name", "data", "sample.count", "evaluate.inception", "commands.NAME.command",
      ])
  }

  @Test(arguments: [
    ("sampling", 9, "sampling"), ("config.sampling", 9, "sampling"), ("seed", 1, "seed"),
    ("config.training.lr", 1, "training.lr"), ("data.validation", 5, "data.validation"),
  ])
  func aPrefixFindsItsKeys(_ prefix: String, _ count: Int, _ first: String) throws {
    let found = try Key.under(prefix)
    #expect(found.count == count && found[0].name == first)
  }

  @Test func configIsTheWholeConfiguration() throws {
    let found = try Key.under("config")
    #expect(found[0].name == "config" && Array(found.dropFirst()) == Key.settings)
  }

  @Test(arguments: [
    ("samplng", "samplng: unknown key; did you mean 'sampling'?"),
    ("sampling.stps", "sampling.stps: unknown key; did you mean 'sampling.steps'?"),
    ("lr", "lr: unknown key; did you mean 'training.lr'?"),
    ("t_min", "t_min: unknown key; did you mean 'perturb.t_min'?"),
    ("zzzzzzzzzz", "zzzzzzzzzz: unknown key; known are name, data"), ("", ": unknown key"),
  ])
  func anUnknownPrefixIsNamedWithTheNearest(_ prefix: String, _ message: String) {
    let error = #expect(throws: ConfigurationError.self) { try Key.under(prefix) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func jsonHasEveryPart() throws {
    let lr = try #require(try Key.under("training.lr").first)
    let object = try JSONSerialization.jsonObject(with: Data(lr.json.utf8)) as? [String: Any]
    #expect(object?["key"] as? String == "training.lr" && object?["type"] as? String == "number")
    #expect(object?["default"] as? Double == 1.5e-3 && object?["range"] as? String == "from 0")
    #expect((object?["presets"] as? [String: Double])?["pra-s"] == 3e-4)
    #expect(object?["source"] as? String == "model.md section 4")
  }
}
