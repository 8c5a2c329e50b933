// The demo's run file; contracts of job kinds and the model page against the configuration's keys.

import Foundation
import Testing

@testable import Configuration

private let root = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

/// Keys of nested objects as dotted paths.
private func keys(_ value: Any, _ prefix: String = "") -> Set<String> {
  guard let object = value as? [String: Any] else { return [prefix] }
  return Set(object.flatMap { keys($0.value, prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") })
}

/// Keys of a JSON schema, as dotted paths; each object must name all of them as required.
private func schemaKeys(_ schema: [String: Any], _ prefix: String = "") -> Set<String> {
  guard let properties = schema["properties"] as? [String: [String: Any]] else { return [prefix] }
  #expect(Set(schema["required"] as? [String] ?? []) == Set(properties.keys), "\(prefix)")
  #expect(schema["additionalProperties"] as? Bool == false, "\(prefix)")
  return Set(
    properties.flatMap { schemaKeys($0.value, prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") })
}

@Suite struct DemoTests {
  @Test func theDemoReadsAndItsDataLieBesides() throws {
    let file = root.appending(path: "ops/demo.d/emoji.yaml").path()
    let run = try RunFile(path: file)
    #expect(run.name == "emoji" && run.evaluate && run.configuration.method == .pra)
    #expect(run.sample?.ranges == [0..<623, 623..<1246, 1246..<1870])
    #expect(FileManager.default.fileExists(atPath: run.sourcePath(besides: file)))
  }

  @Test(arguments: [("claims", 7), ("token-dimension", 6)])
  func theComparisonsReadWithThreeSeeds(_ name: String, _ variants: Int) throws {
    let file = root.appending(path: "ops/demo.d/\(name).yaml").path()
    let run = try RunFile(path: file)
    #expect(run.arms.count == 3 * variants && Set(run.arms.map(\.name)).count == variants)
    // Equal steps and a constant number of tokens.
    let shapes = run.arms.map {
      [$0.configuration.training.total, $0.configuration.image.size / $0.configuration.image.patch]
    }
    #expect(Set(shapes).count == 1)
    #expect(FileManager.default.fileExists(atPath: run.sourcePath(besides: file)))
    if name == "claims" {
      #expect(Set(run.arms.map(\.configuration.method)) == Set(Method.allCases))
    }
  }

  @Test func theContractsNameEveryConfigurationKey() throws {
    func contract(_ kind: String) throws -> [String: [String: Any]] {
      let url = root.appending(path: "workers/\(kind)/contract.json")
      let whole = try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any]
      let arguments = try #require(whole?["arguments"] as? [String: Any])
      return try #require(arguments["properties"] as? [String: [String: Any]])
    }
    func found(_ json: String) throws -> Set<String> {
      keys(try JSONSerialization.jsonObject(with: Data(json.utf8)))
    }
    let nano = Preset.nano.configuration
    let config = try #require(try contract("train")["config"])
    #expect(try schemaKeys(config) == found(nano.canonicalJSON))
    let sampling = try #require(try contract("sample")["sampling"])
    #expect(try schemaKeys(sampling) == found(nano.sampling.canonicalJSON))
  }

  /// Section 10 of the model page is `nano`, with every key.
  @Test func theModelPageNamesEveryKeyWithItsDefault() throws {
    let page = root.appending(path: "Sources/Model/PRAModel/model.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let section = try #require(text.range(of: "## 10. Configuration keys and defaults\n```yaml\n"))
    let yaml = text[section.upperBound...].prefix { $0 != "`" }
    let found = try ModelConfiguration.resolve(
      text: String(yaml), source: "model.md", overrides: [])
    #expect(found == Preset.nano.configuration)
    let json = try JSONSerialization.jsonObject(
      with: Data(Preset.nano.configuration.canonicalJSON.utf8))
    #expect(
      named(try SettingValue(parsing: String(yaml), source: "model.md"))
        == keys(json))
  }
}

/// Keys of nested mappings as dotted paths.
private func named(_ value: SettingValue, _ prefix: String = "") -> Set<String> {
  guard case .mapping(let entries) = value else { return [prefix] }
  return Set(entries.flatMap { named($0.value, prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") })
}
