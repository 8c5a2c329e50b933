// workers/<kind>/contract.json describes the typed arguments; these tests keep the two equal.

import Configuration
import Foundation
import Testing

@testable import JobKinds

@Suite struct ContractTests {
  typealias Object = [String: Any]

  private func schema(_ kind: JobKind) throws -> Object {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let data = try Data(
      contentsOf: root.appending(path: "workers/\(kind.rawValue)/contract.json"))
    let contract = try #require(try JSONSerialization.jsonObject(with: data) as? Object)
    #expect(contract["kind"] as? String == kind.rawValue)
    return try #require(contract["arguments"] as? Object)
  }

  /// Canonical JSON of default arguments, and a function that reads such JSON back without checking
  /// rules that join several keys.
  private func canonical(_ kind: JobKind) throws -> (Object, (Object) throws -> Void) {
    func both<A: JobArguments>(_ made: A) throws -> (Object, (Object) throws -> Void) {
      let data = Data(made.json.utf8)
      let object = try #require(try JSONSerialization.jsonObject(with: data) as? Object)
      return (
        object,
        { changed in
          let bytes = try JSONSerialization.data(withJSONObject: changed)
          var arguments = A()
          try arguments.apply(
            SettingValue(parsing: String(decoding: bytes, as: UTF8.self), source: "test"), at: "",
            complete: true)
        }
      )
    }
    switch kind {
    case .ingest:
      var made = IngestArguments()
      (made.source, made.sourceName) = (String(repeating: "0", count: 64), "a.tar")
      return try both(made)
    case .train:
      var made = TrainArguments()
      made.data = 1
      made.config = try ModelConfiguration.resolve()
      return try both(made)
    case .sample:
      var made = SampleArguments()
      (made.train, made.data, made.count, made.last) = (1, 2, 3, 3)
      made.sampling = try ModelConfiguration.resolve().sampling
      return try both(made)
    case .features:
      var made = FeaturesArguments()
      (made.data, made.weights) = (1, String(repeating: "0", count: 64))
      return try both(made)
    case .probe:
      var made = ProbeArguments()
      (made.train, made.data) = (1, 2)
      return try both(made)
    case .reference:
      var made = ReferenceArguments()
      made.features = [1]
      return try both(made)
    case .evaluate:
      var made = EvaluateArguments()
      (made.train, made.data, made.samples) = (1, 2, [3])
      return try both(made)
    case .compare:
      var made = CompareArguments()
      (made.names, made.evaluations) = (["a"], [1])
      return try both(made)
    case .neighbours:
      var made = NeighbourArguments()
      (made.data, made.samples) = (1, [2])
      return try both(made)
    }
  }

  private func compare(_ schema: Object, _ value: Object, at path: String) throws {
    let properties = try #require(schema["properties"] as? Object, "\(path)")
    #expect(properties.keys.sorted() == value.keys.sorted(), "\(path)")
    #expect((schema["required"] as? [String])?.sorted() == value.keys.sorted(), "\(path)")
    #expect(schema["additionalProperties"] as? Bool == false, "\(path)")
    for (key, part) in value {
      guard let inner = part as? Object else { continue }
      try compare(try #require(properties[key] as? Object), inner, at: "\(path).\(key)")
    }
  }

  @Test(arguments: JobKind.allCases)
  func keysAreTheSame(_ kind: JobKind) throws {
    try compare(try schema(kind), try canonical(kind).0, at: kind.rawValue)
  }

  /// Every value that a contract lists or bounds is accepted; the next one is refused.
  @Test(arguments: JobKind.allCases)
  func valuesAreTheSame(_ kind: JobKind) throws {
    let (whole, decode) = try canonical(kind)
    try decode(whole)
    var checked = 0
    func visit(_ schema: Object, _ path: [String]) throws {
      for (key, part) in schema["properties"] as? Object ?? [:] {
        let part = try #require(part as? Object)
        let at = path + [key]
        func takes(_ value: Any) -> Bool {
          checked += 1
          return (try? decode(replaced(whole, at, value))) != nil
        }
        if let words = part["enum"] as? [String] {
          for word in words { #expect(takes(word), "\(at) \(word)") }
          #expect(!takes("no-such-word"), "\(at)")
        }
        guard part["type"] as? String == "integer", key != "seed" else {
          try visit(part, at)
          continue
        }
        if let least = part["minimum"] as? Int {
          // A rule over several keys decides whether 0 is valid, as in a range of images or for a
          // job that was not named.
          #expect(takes(least), "\(at) \(least)")
          if least != 1 || at.count > 1 { #expect(!takes(least - 1), "\(at) \(least - 1)") }
        }
        if let most = part["maximum"] as? Int {
          #expect(takes(most), "\(at) \(most)")
          #expect(!takes(most + 1), "\(at) \(most + 1)")
        }
        #expect(!takes("one"), "\(at)")
      }
    }
    try visit(try schema(kind), [])
    // Lists alone have no bounds to try.
    #expect(checked > 2 || kind == .compare)
  }

  private func replaced(_ object: Object, _ path: [String], _ value: Any) -> Object {
    var object = object
    if path.count == 1 {
      object[path[0]] = value
    } else {
      let inner = object[path[0]] as? Object ?? [:]
      object[path[0]] = replaced(inner, Array(path.dropFirst()), value)
    }
    return object
  }
}
