// Run files, which `pra run` reads.

import FoundationEssentials
import Testing

@testable import Configuration

private let emoji = """
  name: emoji
  data: {source: emoji-32.tar}
  config: {preset: nano, method: pra}
  sample: {count: 10, shards: 3}
  evaluate: true
  """

private func read(_ text: String, _ options: String...) throws -> RunFile {
  try RunFile(text: text, source: "run.yaml", overrides: options.map { try Override($0) })
}

@Suite struct RunFileTests {
  @Test func theExampleReads() throws {
    let run = try read(emoji)
    #expect(run.name == "emoji" && run.evaluate)
    #expect(run.configuration == Preset.nano.configuration)
    #expect(run.sample?.ranges == [0..<3, 3..<6, 6..<10])
  }

  @Test func optionsReachTheConfigurationAndTheRun() throws {
    let run = try read(
      emoji, "training.total=200", "config.seed=5", "sample.count=7", "name=other",
      "evaluate=false", "data.skip_limit=2")
    #expect(run.configuration.training.total == 200 && run.configuration.seed == 5)
    #expect(run.sample?.count == 7 && run.name == "other" && !run.evaluate)
    #expect(run.data.skipLimit == 2)
  }

  /// Ten lines whose aliases expand to a thousand million values.
  @Test func aliasesOfAliasesAreRefused() throws {
    var text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for (name, part) in zip("bcdefghi", "abcdefgh") {
      text +=
        "\(name): &\(name) [\(Array(repeating: "*\(part)", count: 10).joined(separator: ", "))]\n"
    }
    #expect { try read(text) } throws: { "\($0)".contains("write out what aliases") }
    let nested = "name: " + String(repeating: "[", count: 100_000)
    #expect { try read(nested) } throws: { "\($0)".contains("run.yaml: line 1") }
    for json in [#"{"a": &a 1}"#, #"{"a": "\"", *b: 1}"#, "{? *a : 1}"] {
      #expect { try SettingValue(parsingJSON: json, source: "x") } throws: {
        "\($0)".contains("x: is no JSON")
      }
    }
    #expect(
      try SettingValue(parsingJSON: #"{"a": "& * \" #"}"#, source: "x")
        == .mapping([.init(key: "a", value: .string("& * \" #"))]))
  }

  @Test func initTakesThePlaceOfThePreset() throws {
    var held = Preset.micro.configuration
    held.training.total = 77
    held.training.ema = [0.5, 0.75]
    held.sampling.weights = "ema-0.5"
    held.classes = 4
    func begun(_ settings: String, _ options: String...) throws -> RunFile {
      try RunFile(
        text: "name: a\ndata: {source: b.tar}\n\(settings)", source: "run.yaml",
        overrides: options.map { try Override($0) }
      ) { file in
        #expect(file.file == "c.safetensors")
        return held
      }
    }
    let plain = try begun("init: {file: c.safetensors}")
    #expect(plain.start?.file == "c.safetensors" && plain.start?.restart == false)
    #expect(plain.configuration == held && plain.arms[0].configuration == held)
    let longer = try begun("init: {file: c.safetensors}\nconfig: {training: {total: 90}}")
    held.training.total = 90
    #expect(longer.configuration == held)
    // With other averages, the one to sample with is chosen again. A preset replaces everything.
    let other = try begun("", "init.file=c.safetensors", "training.ema=[0.9]", "init.restart=true")
    #expect(other.configuration.sampling.weights == "ema-0.9" && other.start?.restart == true)
    #expect(
      try begun("init: {file: c.safetensors}", "preset=nano").configuration
        == Preset.nano.configuration)
    #expect(try begun("init: {file: x}", "init=null").start == nil)
    #expect { try begun("init: {restart: true}") } throws: {
      "\($0)".hasPrefix("run.yaml: init.file: missing; expected a file of weights")
    }
  }

  @Test func aStateReadsBackFromMetadata() throws {
    var state = CheckpointState()
    (state.step, state.seed, state.codeVersion, state.dataFingerprint) = (7, .max, "1.2", "abc")
    state.config = Preset.nano.configuration
    let texts = state.metadata
    #expect(try CheckpointState.stored(in: texts, of: "f") == state)
    #expect(try CheckpointState.stored(in: ["format": "pt"], of: "f") == nil)
    func message(_ change: (inout [String: String]) -> Void) -> String {
      var changed = texts
      change(&changed)
      do {
        _ = try CheckpointState.stored(in: changed, of: "f.safetensors")
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(message { $0["step"] = nil }.hasPrefix("f.safetensors: __metadata__: step: missing"))
    #expect(message { $0["step"] = "-1" }.contains("step: found -1, expected an integer from 0"))
    #expect(message { $0["config"] = "{}" }.contains("missing"))
    #expect(message { $0["config"] = "{*a: 1}" }.contains("config: is no JSON"))
  }

  @Test func variantsTimesSeedsAreArms() throws {
    let text =
      emoji + """

        variants:
          pra:
          clean: {method: clean-input, training: {total: 9}}
        seeds: [4, 7]
        """
    let run = try read(text, "training.total=30", "training.batch=5")
    #expect(run.arms.map(\.name) == ["pra", "pra", "clean", "clean"])
    #expect(run.arms.map(\.configuration.seed) == [4, 7, 4, 7])
    #expect(run.arms.map(\.configuration.sampling.seed) == [4, 7, 4, 7])
    #expect(run.arms.map(\.configuration.method) == [.pra, .pra, .cleanInput, .cleanInput])
    // Options override everything else.
    #expect(run.arms.allSatisfy { $0.configuration.training.total == 30 })
    #expect(run.arms.allSatisfy { $0.configuration.training.batch == 5 })
    #expect(try read(text, "seeds=[1]").arms.count == 2)
    #expect(
      try read(emoji).arms == [.init(name: "emoji", configuration: try read(emoji).configuration)])
  }

  @Test(arguments: [
    ("variants: [pra]", "variants: found ['pra'], expected names with settings"),
    ("variants: {a: 3}", "variants.a: found 3, expected settings over config"),
    ("variants: {a: {metod: pra}}", "variants.a: metod: unknown key; did you mean 'method'?"),
    ("seeds: 3", "seeds: found 3, expected a list"),
    ("seeds: [1, 1]", "seeds: two of them give the same seed, 1"),
    ("seeds: [0, 00]", "seeds: two of them give the same seed, 0"),
    ("variants: {a: {seed: 1}, b: {seed: 1}}", "variants: 'a' and 'b' are one configuration"),
    ("variants: {a: {seed: 0}, b: {}}", "variants: 'a' and 'b' are one configuration"),
    ("variants: {a: {training: {lr: 1e-3}}, b: {training: {lr: 0.001}}}", "are one configuration"),
    (#"variants: {"": {seed: 1}}"#, "variants: '' is no name"),
    ("seeds: [-1]", "seed"),
  ])
  func badVariantsAreRefused(_ line: String, _ message: String) {
    let error = #expect(throws: ConfigurationError.self) { try read(emoji + "\n" + line) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    ("ops/demo.d/emoji.yaml", "ops/demo.d/emoji-32.tar"), ("emoji.yaml", "emoji-32.tar"),
  ])
  func theSourceIsBesidesTheFile(file: String, source: String) throws {
    #expect(try read(emoji).sourcePath(besides: file) == source)
  }

  @Test(arguments: [
    ("name: a", "data: missing"), ("data: {source: a}", "name: missing"),
    ("name: a\ndata: {sorce: b}", "data.sorce: unknown key; did you mean 'data.source'?"),
    ("name: a\ndata: {}", "data.source: missing"),
    ("name: a\ndata: {source: b}\nsampel: {}", "sampel: unknown key; did you mean 'sample'?"),
    ("name: a\ndata: {source: b}\nevaluate: true", "evaluate: true needs images"),
    ("name: a\ndata: {source: b}\nsample: {count: 2, shards: 3}", "sample.shards: 3 jobs for 2"),
    ("name: a\ndata: {source: b}\nsample: {shards: 3}", "sample.count: missing"),
    ("name: a\ndata: {source: b}\nconfig: {seeed: 3}", "seeed: unknown key; did you mean 'seed'?"),
    ("name: 5\ndata: {source: b}", "name: found 5, expected text"), ("5", "found 5"),
    (
      "name: a\ndata: {source: b}\ntraining: {}",
      "training: unknown key; did you mean 'config.training'?"
    ),
  ])
  func aWrongRunFileIsRefused(text: String, message: String) {
    #expect {
      try read(text)
    } throws: { "\($0)".hasPrefix("run.yaml: ") && "\($0)".contains(message) }
  }

  @Test func aMissingFileIsNamed() {
    #expect {
      try RunFile(path: "/nowhere/run.yaml")
    } throws: { "\($0)".hasPrefix("/nowhere/run.yaml: there is no such file") }
  }

  @Test func configurationsOfARunAreLimited() {
    let error = #expect(throws: ConfigurationError.self) {
      try RunFile(
        text: emoji + "\nseeds: [\((0..<1001).map(String.init).joined(separator: ", "))]\n",
        source: "run.yaml")
    }
    #expect(
      error?.description
        == "run.yaml: variants, seeds: make 1001 configurations, expected at most 1000")
  }

  @Test("plain scalars are numbers by the rules of YAML 1.2.2")
  func numbers() throws {
    let patterns: [(Regex<Substring>, (String) -> SettingValue)] = [
      (/[-+]?[0-9]+/, { .integer($0) }),
      (/[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?/, { .number($0) }),
      (/[-+]?(?:\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN/, { .number($0) }),
    ]
    let parts = ["", "+", "-", ".", "0", "12", "e", "E", "x", ".inf", ".nan", "7", "a", "_"]
    for a in parts {
      for b in parts {
        for c in parts {
          for d in parts {
            let text = "\(a)\(b)\(c)\(d)"
            guard !text.isEmpty, !text.contains("0x"), text != "-" else { continue }
            let wanted = patterns.first { text.wholeMatch(of: $0.0) != nil }?.1(text)
            #expect(PlainNumber.read(text) == wanted, "\(text)")
          }
        }
      }
    }
    for (text, wanted) in [
      ("0o17", "15"), ("0xfF", "255"), ("0xffffffffffffffff", "18446744073709551615"),
      ("0x1ffffffffffffffff", nil), ("0o8", nil), ("0x", nil), ("0x+1", nil), ("0o-1", nil),
    ] as [(String, String?)] {
      #expect(PlainNumber.read(text) == wanted.map { .integer($0) }, "\(text)")
    }
  }
}
