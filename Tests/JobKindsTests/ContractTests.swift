// workers/<kind>/contract.json describes the typed arguments; these tests keep the two equal.

import Configuration
import Foundation
import Testing

@testable import JobKinds

@Suite struct ContractTests {
  typealias Object = [String: Any]

  private static let workers = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "workers")

  private func schema(_ kind: JobKind) throws -> Object {
    let text = try #require(JobKind.embedded[kind.rawValue], "it has no entry in contracts.c")
    let contract = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? Object)
    #expect(contract["kind"] as? String == kind.rawValue)
    return try #require(contract["arguments"] as? Object)
  }

  /// A kind is a folder of `workers`, a case of `JobKind`, an entry of contracts.c and a stage of
  /// Package.swift; ArchitectureTests look at the last.
  @Test func everyFolderOfAStageIsAKind() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.workers.path())
      .filter { $0 != "inputs" }.sorted()
    #expect(folders == JobKind.allCases.map(\.rawValue).sorted())
    #expect(folders == JobKind.embedded.keys.sorted())
  }

  /// The schema in the file is made from the table of keys. PRA_UPDATE_GOLDEN=1 writes it anew; the program has it
  /// after the next build.
  @Test(arguments: JobKind.allCases)
  func theSchemaIsMadeFromTheKeys(_ kind: JobKind) throws {
    let file = Self.workers.appending(path: "\(kind.rawValue)/contract.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let start = try #require(text.range(of: "  \"arguments\": "))
    let end = try #require(text.range(of: ",\n  \"resources\""))
    let made =
      text[..<start.upperBound] + indented(kind.schema).replacing("\n", with: "\n  ")
      + text[end.lowerBound...]
    if ProcessInfo.processInfo.environment["PRA_UPDATE_GOLDEN"] == "1" {
      try made.write(to: file, atomically: true, encoding: .utf8)
    }
    let isCurrent = made == (try String(contentsOf: file, encoding: .utf8))
    #expect(
      isCurrent,
      "\(kind.rawValue)/contract.json: bring it up to date with PRA_UPDATE_GOLDEN=1 swift test --filter ContractTests"
    )
  }

  @Test(arguments: JobKind.allCases)
  func everyArgumentHasAMeaning(_ kind: JobKind) {
    #expect(!kind.keys.isEmpty && Set(kind.keys.map(\.name)).count == kind.keys.count)
    for key in kind.keys {
      #expect(
        key.meaning.hasSuffix(".") && key.meaning.count >= 10 && key.meaning.first!.isUppercase
          || key.meaning.first!.isNumber, "\(kind.rawValue) \(key.name): \(key.meaning)")
    }
  }

  /// JSON with one member or element a line.
  private func indented(_ json: String) -> String {
    var (text, depth, isQuoted, isEscaped) = ("", 0, false, false)
    func line() -> String { "\n" + String(repeating: "  ", count: depth) }
    for character in json {
      if isQuoted {
        text.append(character)
        (isQuoted, isEscaped) = (
          isEscaped || character != "\"", !isEscaped && character == "\\"
        )
      } else {
        switch character {
        case "{", "[":
          depth += 1
          text += "\(character)\(line())"
        case "}", "]":
          depth -= 1
          text += "\(line())\(character)"
        case ",": text += ",\(line())"
        case ":": text += ": "
        default:
          isQuoted = character == "\""
          text.append(character)
        }
      }
    }
    return text
  }

  @Test(arguments: JobKind.allCases)
  func theContractInsideIsTheFile(_ kind: JobKind) throws {
    let file = Self.workers.appending(path: "\(kind.rawValue)/contract.json")
    #expect(JobKind.embedded[kind.rawValue] == (try String(contentsOf: file, encoding: .utf8)))
  }

  /// An object as its type makes it, with what a contract wants in the place of what only a person can give:
  /// a job's number, a text.
  private func filled(_ made: Object, _ schema: Object) -> Object {
    var filled = made
    for (key, part) in schema["properties"] as? [String: Object] ?? [:] {
      switch made[key] {
      case let inner as Object: filled[key] = self.filled(inner, part)
      case "" as String: filled[key] = String(repeating: "0", count: 64)
      case let number as Int:
        if let least = part["minimum"] as? Int { filled[key] = max(number, least) }
      default: break
      }
    }
    return filled
  }

  /// Canonical JSON of arguments, and a function that takes such JSON back without the rules that join
  /// several keys.
  private func canonical(_ kind: JobKind) throws -> (Object, (Object) throws -> Void) {
    let schema = try schema(kind)
    func both<A: JobArguments>(_ type: A.Type) throws -> (Object, (Object) throws -> Void) {
      let object = try JSONSerialization.jsonObject(with: Data(A().json.utf8))
      let made = filled(try #require(object as? Object), schema)
      return (
        made,
        { changed in
          let bytes = try JSONSerialization.data(withJSONObject: changed)
          var arguments = A()
          try arguments.apply(
            SettingValue(parsing: String(decoding: bytes, as: UTF8.self), source: "test"), at: "",
            complete: true)
        }
      )
    }
    return try both(kind.argumentsType)
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
