// The picture of the targets in ARCHITECTURE.md, drawn from the import table. PRA_UPDATE_GOLDEN=1 draws
// it anew.

import PageTesting
import Testing

/// The targets of this package and what each imports of the others.
private struct TargetGraph {
  /// Modules that a target imports; all stages together are the target `workers`.
  private(set) var imports: [String: Set<String>] = [:]
  /// Targets of each group of `Sources`, in the order of the groups.
  let groups: [(name: String, targets: [String])]

  static let stages = "workers"

  init() throws {
    let folders = try Repository.targetFolders()
    var targets: [String: [String]] = [:]
    for folder in folders {
      let parts = folder.split(separator: "/").map(String.init)
      targets[parts.count == 3 ? parts[1] : "", default: []].append(parts.last!)
    }
    groups = ["Libraries", "Data", "Compute", "Settings", "Model", "Queue", "Dashboard", ""].map {
      ($0, targets[$0, default: []])
    }
    let names = Set(targets.values.joined())
    for (folder, row) in allowed {
      let name =
        folder.hasPrefix("workers/") ? Self.stages : String(folder.split(separator: "/").last!)
      imports[name, default: []].formUnion(row.intersection(names))
    }
  }

  /// Everything that a target imports, by itself or through others.
  func reached(from target: String) -> Set<String> {
    var found: Set<String> = []
    var open = imports[target, default: []]
    while let next = open.popFirst() {
      guard found.insert(next).inserted else { continue }
      open.formUnion(imports[next, default: []])
    }
    return found
  }

  /// Imports of a target that do not follow from its others.
  func drawn(from target: String) -> [String] {
    let direct = imports[target, default: []]
    return direct.subtracting(direct.flatMap { reached(from: $0) }).sorted()
  }

  var picture: String {
    var lines = ["```mermaid", "flowchart TD", "  \(Self.stages)[\"workers/*\"]"]
    for (group, targets) in groups {
      guard !group.isEmpty else {
        lines += targets.map { "  \($0)" }
        continue
      }
      lines.append("  subgraph \(group)_[\"Sources/\(group)\"]")
      lines += targets.map { "    \($0)" }
      lines.append("  end")
    }
    for target in [Self.stages] + groups.reversed().flatMap(\.targets) {
      let ends = drawn(from: target)
      if !ends.isEmpty { lines.append("  \(target) --> \(ends.joined(separator: " & "))") }
    }
    return lines.joined(separator: "\n") + "\n```\n"
  }
}

@Suite struct TargetGraphTests {
  private let page = Page("ARCHITECTURE.md")

  @Test func thePictureIsThatOfTheImportTable() throws {
    let picture = try TargetGraph().picture
    try page.updateIfAsked("targets", with: picture)
    #expect(try page.part("targets") == picture)
  }

  @Test func noTargetImportsItself() throws {
    let graph = try TargetGraph()
    for target in graph.imports.keys { #expect(!graph.reached(from: target).contains(target)) }
    #expect(graph.reached(from: TargetGraph.stages).isSuperset(of: ["Tensor", "Postgres"]))
  }

  /// The two halves meet in `workers` alone.
  @Test func neitherHalfReachesTheOther() throws {
    let graph = try TargetGraph()
    let (model, queue) = (Set(targets("Model", graph)), Set(targets("Queue", graph)))
    #expect(model.count >= 5 && queue.count >= 4)
    for target in model {
      #expect(graph.reached(from: target).isDisjoint(with: queue), "\(target)")
    }
    for target in queue + ["pra"] {
      #expect(graph.reached(from: target).isDisjoint(with: model), "\(target)")
    }
  }

  private func targets(_ group: String, _ graph: TargetGraph) -> [String] {
    graph.groups.first { $0.name == group }!.targets
  }

  /// The page's table of targets has a row for each, and no other.
  @Test func everyTargetIsDescribed() throws {
    let described = try page.text.matches(of: /(?m)^\| `([A-Za-z-]+)` \|/).map {
      String($0.output.1)
    }
    let targets = try Repository.targetFolders().map { String($0.split(separator: "/").last!) }
    #expect(Set(described) == Set(targets) && described.count == targets.count)
  }
}
