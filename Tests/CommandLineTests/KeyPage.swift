// docs/keys.md: tables of keys from what the program and the contracts say.

import Foundation

enum KeyPage {
  static let presets = ["pra-s", "pra-b", "pra-l", "micro"]

  static func text(_ keys: [DescribedKey], _ kindNames: [String], _ kinds: String) -> String {
    let isSetting = keys.firstIndex { $0.key == "method" }!
    return """
      # All keys

      This page is made from the program; do not edit it. In a terminal, `pra keys` prints the same,
      `pra keys sampling` one section of it, `pra keys --kind probe` the arguments of a kind of jobs, and `--json`
      as JSON.

      A default is that of the preset `nano`, which a run has whose file names none; those of other presets stand in
      parentheses behind it. "required" means that the key has no default. `model.md` is [the model page](../Sources/Model/PRAModel/model.md).

      - [Keys of a run file](#keys-of-a-run-file): \(links(sections(Array(keys[..<isSetting]))))
      - [Keys of the configuration](#keys-of-the-configuration): \(links(sections(Array(keys[isSetting...]))))
      - [Arguments of job kinds](#arguments-of-job-kinds): \(links(kindNames.map { "kind \($0)" }))

      ## Keys of a run file

      The file that `pra run` reads. `--set sample.count=10` replaces a key of it.

      \(tables(Array(keys[..<isSetting])))

      ## Keys of the configuration

      In a run file these stand below `config`, as in `config: {training: {lr: 3e-4}}`. With `--set`,
      `config.` may be left out: `--set training.lr=3e-4`.

      \(tables(Array(keys[isSetting...])))

      ## Arguments of job kinds

      What `pra enqueue KIND --set key=value` and the file of `--config` take. `pra run` sets them itself.
      `pra keys --kind KIND` prints them with their defaults.

      \(kinds)
      """
  }

  private static func section(_ key: DescribedKey, among keys: [DescribedKey]) -> String {
    keys.contains { $0.key.hasPrefix(key.key + ".") }
      ? String(key.key.split(separator: ".")[0])
      : key.key.contains(".") ? String(key.key.split(separator: ".")[0]) : ""
  }

  /// Names of sections in their order.
  private static func sections(_ keys: [DescribedKey]) -> [String] {
    var names: [String] = []
    for name in keys.map({ section($0, among: keys) }) where !name.isEmpty && !names.contains(name)
    {
      names.append(name)
    }
    return names
  }

  /// Links to the headings of sections or kinds.
  private static func links(_ names: [String]) -> String {
    names.map { "[\($0)](#\($0.replacing(" ", with: "-")))" }.joined(separator: ", ")
  }

  /// One table for the keys outside sections, one for each section.
  private static func tables(_ keys: [DescribedKey]) -> String {
    func section(_ key: DescribedKey) -> String { Self.section(key, among: keys) }
    var names: [String] = []
    for name in keys.map(section) where !names.contains(name) { names.append(name) }
    // Keys without a section come first.
    let ordered = names.filter(\.isEmpty) + names.filter { !$0.isEmpty }
    return ordered.map { name in
      let own = keys.filter { section($0) == name }
      let title = own.first { $0.key == name }
      let rows = own.filter { $0.key != name }.map { row($0, under: title?.source) }
      let heading =
        title.map { title in
          "### \(name)\n\n\(title.meaning)\(reference(title.source)) \(optional(title))\n\n"
        } ?? ""
      return heading + "| key | values | default | meaning |\n|---|---|---|---|\n"
        + rows.joined(separator: "\n")
    }.joined(separator: "\n\n").replacing(" \n", with: "\n")
  }

  private static func optional(_ section: DescribedKey) -> String {
    section.required
      ? "Required."
      : section.type == "mapping" && !section.null ? "" : "Default: `\(section.default.text)`."
  }

  private static func row(_ key: DescribedKey, under source: String?) -> String {
    let values =
      key.choices.isEmpty
      ? [key.type, key.range ?? "", key.unit ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
      : key.choices.map { "`\($0)`" }.joined(separator: ", ")
    let own = key.source == source ? "" : reference(key.source)
    return "| `\(key.key)` | \(values)\(key.null ? ", or null" : "") | \(standard(key)) | "
      + "\(key.meaning)\(own) |"
  }

  private static func standard(_ key: DescribedKey) -> String {
    if key.required { return "required" }
    if key.type == "mapping" || key.key == "seeds" { return key.null ? "`null`" : "" }
    let others = presets.filter { key.presets[$0] != nil }
    var values: [String] = []
    for text in others.map({ key.presets[$0]!.text }) where !values.contains(text) {
      values.append(text)
    }
    let words = values.map { value in
      "\(others.filter { key.presets[$0]!.text == value }.joined(separator: ", ")): `\(value)`"
    }
    return "`\(key.default.text)`" + (words.isEmpty ? "" : " (\(words.joined(separator: "; ")))")
  }

  private static func reference(_ source: String?) -> String { source.map { " (\($0))" } ?? "" }
}

// Arguments of job kinds, from their contracts.

extension KeyPage {
  typealias Object = [String: Any]

  private static let workers = "\(Repository.root)/workers"

  static func kindNames() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: workers).filter {
      FileManager.default.fileExists(atPath: "\(workers)/\($0)/contract.json")
    }.sorted()
  }

  /// A heading and a table for each kind of job.
  static func kinds() throws -> String {
    try kindNames().map { name in
      let data = try Data(contentsOf: URL(filePath: "\(workers)/\(name)/contract.json"))
      let contract = try JSONSerialization.jsonObject(with: data) as! Object
      return "### Kind \(name)\n\n\(contract["summary"] as! String)\n\n"
        + "| argument | values | meaning |\n|---|---|---|\n"
        + rows(contract["arguments"] as! Object, "").joined(separator: "\n") + "\n"
    }.joined(separator: "\n")
  }

  private static func rows(_ schema: Object, _ prefix: String) -> [String] {
    let properties = schema["properties"] as! [String: Object]
    return properties.keys.sorted().flatMap { name -> [String] in
      let part = properties[name]!
      let key = prefix.isEmpty ? name : "\(prefix).\(name)"
      if name == "config" || name == "sampling" {
        let what = name == "config" ? "all keys of the configuration" : "the keys of `sampling`"
        let place = name == "config" ? "keys-of-the-configuration" : "sampling"
        return ["| `\(key)` | mapping | \(what), [as above](#\(place)) |"]
      }
      guard part["properties"] != nil else {
        return ["| `\(key)` | \(values(part)) | \(cell(part["description"] as? String ?? "")) |"]
      }
      let own =
        (part["description"] as? String).map { ["| `\(key)` | mapping | \(cell($0)) |"] } ?? []
      return own + rows(part, key)
    }
  }

  /// A text in a table of Markdown, which takes `|` and `<` for its own.
  private static func cell(_ text: String) -> String {
    text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
  }

  private static func values(_ part: Object) -> String {
    if let words = part["enum"] as? [Any] {
      return words.map { $0 is NSNull ? "null" : "`\($0)`" }.joined(separator: ", ")
    }
    if let either = (part["oneOf"] ?? part["anyOf"]) as? [Object] {
      return either.map(values).joined(separator: ", or ")
    }
    let types = (part["type"] as? [String]) ?? [part["type"] as? String ?? "any"]
    var words = types.map { $0 == "null" ? "or null" : $0 }.joined(separator: ", ")
    if let items = part["items"] as? Object {
      words = "array of \(values(items))" + (types.contains("null") ? ", or null" : "")
    }
    if let least = part["minimum"] { words += " from \(least)" }
    if let least = part["exclusiveMinimum"] { words += " above \(least)" }
    if let most = part["maximum"] { words += " to \(most)" }
    if let most = part["exclusiveMaximum"] { words += " to below \(most)" }
    return words
  }
}
