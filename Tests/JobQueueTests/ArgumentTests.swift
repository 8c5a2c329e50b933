// The database checks arguments against the contract of their kind, whoever enqueues.

import Foundation
import JobKinds
import JobQueue
import Postgres
import Testing

@Suite struct ArgumentTests {
  private static let schema = """
    {"type": "object", "additionalProperties": false, "required": ["steps"], "properties": {
      "steps": {"type": "integer", "minimum": 1, "maximum": 9},
      "rate": {"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 1},
      "method": {"enum": ["pra", "diffusion"]},
      "file": {"type": "string", "pattern": "^[0-9a-f]{4}$", "maxLength": 40, "secret": true},
      "names": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true,
        "items": {"type": "string", "minLength": 2}},
      "inner": {"type": "object", "additionalProperties": {"type": "boolean"}}}}
    """

  private func world(bytes: Int = 1_048_576) throws -> QueueWorld {
    let world = try QueueWorld()
    try world.administrator.query(
      "select pra.set_kind('train', $1::jsonb, $2)", [.text(Self.schema), .integer(bytes)])
    return world
  }

  @Test(
    "arguments that the schema allows are accepted",
    arguments: [
      #"{"steps": 1}"#, #"{"steps": 9.0, "rate": 0.5}"#, #"{"steps": 2, "rate": null}"#,
      #"{"steps": 2, "method": "pra", "names": ["ab"], "file": "00ff"}"#,
      #"{"steps": 2, "inner": {"x": true}, "file": "secret://file"}"#,
    ])
  func fitting(arguments: String) throws {
    let world = try world()
    let job = try world.job { $0.arguments = arguments }
    #expect(try world.submit.state(of: job) == .ready)
    // The second job of a lane takes the shorter path.
    #expect(try world.job { $0.arguments = arguments } == job + 1)
  }

  @Test(
    "arguments that the schema forbids are refused by name",
    arguments: [
      (#"{}"#, "arguments.steps: missing"),
      (#"{"steps": 0}"#, "arguments.steps: found 0, expected at least 1"),
      (#"{"steps": 10}"#, "arguments.steps: found 10, expected at most 9"),
      (#"{"steps": 1.5}"#, "arguments.steps: found 1.5, expected integer"),
      (#"{"steps": "1"}"#, #"arguments.steps: found "1", expected integer"#),
      (#"{"steps": 1, "rate": 0}"#, "arguments.rate: found 0, expected above 0"),
      (#"{"steps": 1, "rate": 1}"#, "arguments.rate: found 1, expected below 1"),
      (#"{"steps": 1, "rate": "a"}"#, #"arguments.rate: found "a", expected number or null"#),
      (
        #"{"steps": 1, "method": "gan"}"#,
        #"arguments.method: found "gan", expected one of pra, diffusion"#
      ),
      (
        #"{"steps": 1, "file": "xyz"}"#,
        #"arguments.file: found "xyz", expected a text like ^[0-9a-f]{4}$"#
      ),
      (#"{"steps": 1, "names": []}"#, "arguments.names: found 0 items, expected 1 or more"),
      (#"{"steps": 1, "names": ["ab", "ab"]}"#, "arguments.names: expected each item once"),
      (
        #"{"steps": 1, "names": ["ab", "c"]}"#,
        #"arguments.names[1]: found "c", expected 2 characters or more"#
      ),
      (#"{"steps": 1, "inner": {"x": 1}}"#, "arguments.inner.x: found 1, expected boolean"),
      (
        #"{"steps": 1, "stpes": 2}"#,
        "arguments.stpes: unknown key; known are file, inner, method, names, rate, steps"
      ),
    ])
  func misfit(arguments: String, message: String) throws {
    let world = try world()
    // By the longer path first; with an existing lane by the shorter one.
    for _ in 0..<2 {
      let error = #expect(throws: PostgresError.self) {
        try world.job { $0.arguments = arguments }
      }
      #expect(error?.sqlState == "PR003")
      #expect(error?.message == message)
      _ = try world.job { $0.arguments = #"{"steps": 1}"# }
    }
    #expect(try world.value("select count(*) from pra.jobs") == "2")
  }

  @Test(
    "a reference to a secret stands where the contract says so, and nowhere else",
    arguments: [
      (#"{"steps": 1, "names": ["ok", "secret://a"]}"#, "arguments.names[1]"),
      (#"{"steps": 1, "names": ["SECRET://a.b"]}"#, "arguments.names[0]"),
      (#"{"steps": 1, "names": [" secret://a"]}"#, "arguments.names[0]"),
      (#"{"steps": 1, "names": ["\u0073ecret://a"]}"#, "arguments.names[0]"),
    ])
  func misplacedSecrets(arguments: String, place: String) throws {
    let world = try world()
    func refused(_ body: () throws -> Void) {
      let error = #expect(throws: PostgresError.self) { try body() }
      #expect(error?.sqlState == "PR003")
      #expect(
        error?.message.hasSuffix(
          "no reference to a secret may stand here; the contract of kind \"train\" does not mark this "
            + "field as a secret") == true, "\(String(describing: error))")
    }
    refused { _ = try world.job { $0.arguments = arguments } }
    refused {
      _ = try world.submit.enqueueMany(
        kind: "train", run: world.run, arguments: #"[{"steps": 1}, \#(arguments)]"#)
    }
    refused {
      _ = try world.submit.schedule(
        "s", cron: "@daily", run: world.run, kind: "train", arguments: arguments)
    }
    // A reference in part of a text is none.
    _ = try world.job { $0.arguments = #"{"steps": 1, "names": ["no secret://a"]}"# }
  }

  @Test func aKindWithoutAContractTakesNoSecret() throws {
    let world = try QueueWorld()
    for arguments in [#"{"a": {"b": ["secret://x"]}}"#, #"{"a": "secret://x"}"#] {
      let one = #expect(throws: PostgresError.self) {
        try world.job("sample") { $0.arguments = arguments }
      }
      #expect(one?.message.contains("arguments.a") == true)
      let many = #expect(throws: PostgresError.self) {
        try world.submit.enqueueMany(
          kind: "sample", run: world.run, arguments: "[{}, \(arguments)]")
      }
      #expect(many?.message.contains("arguments[2].a") == true)
    }
  }

  @Test func eachElementIsChecked() throws {
    let world = try world()
    let error = #expect(throws: PostgresError.self) {
      try world.submit.enqueueMany(
        kind: "train", run: world.run, arguments: #"[{"steps": 1}, {"steps": 99}]"#)
    }
    #expect(error?.message == "arguments[2].steps: found 99, expected at most 9")
    _ = try world.submit.enqueueMany(
      kind: "train", run: world.run, arguments: #"[{"steps": 1}, {"steps": 2}]"#)
    let plain = #expect(throws: PostgresError.self) {
      try world.job { $0.array = JobArray(0...9) }
    }
    #expect(plain?.message == "arguments.steps: missing")
  }

  @Test func theSizeIsLimited() throws {
    let world = try world(bytes: 100)
    let long = #"{"steps": 1, "names": [""# + String(repeating: "a", count: 100) + #""]}"#
    let error = #expect(throws: PostgresError.self) { try world.job { $0.arguments = long } }
    #expect(error?.message.contains("bytes, more than 100") == true)
  }

  @Test("a schema with a rule that nobody would check is refused")
  func unknownRule() throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.administrator.query(
        #"select pra.set_kind('train', '{"properties": {"a": {"oneOf": []}}}')"#)
    }
    #expect(error?.message == #"arguments.a: the rule "oneOf" is not one that is checked here"#)
  }

  @Test func submittersDoNotSayWhatAKindTakes() throws {
    let world = try QueueWorld()
    for role in [DatabaseRole.submit, .worker, .read] {
      let session = try world.database.connect(role)
      let error = #expect(throws: PostgresError.self) {
        try session.query("select pra.set_kind('train', '{}')")
      }
      #expect(error?.sqlState == "42501")
    }
  }

  @Test("the contracts of this program are written unchanged, and may be written again")
  func contracts() throws {
    let world = try QueueWorld()
    let contracts = JobKind.allCases.map(\.contract)
    try Contracts.write(contracts, to: world.administrator)
    let first = try world.value("select min(set_at) from pra.kinds")
    try Contracts.write(contracts, to: world.administrator)
    #expect(
      try world.value("select max(set_at) from pra.kinds where set_at = '\(first!)'") == first)
    #expect(try world.value("select count(*) from pra.kinds") == "\(contracts.count)")
    for kind in JobKind.allCases {
      let same = try world.administrator.query(
        "select arguments = $2::jsonb -> 'arguments' as same from pra.kinds where kind = $1",
        [.text(kind.rawValue), .text(kind.contract)]
      ).single().boolean("same")
      #expect(same, "\(kind)")
    }
    let error = #expect(throws: PostgresError.self) { try world.job() }
    #expect(error?.message.hasSuffix(": missing") == true)
  }
}
