// The imports that are allowed. The table is the architecture: a row changes with a page in
// ops/decisions.

import Testing

/// Modules of this package and foreign ones that a folder's files may import, in addition to those
/// of `common`.
let allowed: [String: Set<String>] = [
  "Sources/Libraries/Threads": ["CProcess"],

  "Sources/Compute/Tensor": ["CKernels"],
  "Sources/Compute/Autodiff": ["CKernels", "Tensor"],
  "Sources/Compute/NeuralNetwork": ["Autodiff", "CKernels", "Tensor"],

  "Sources/Data/Digest": ["CCrypto"],
  "Sources/Data/Files": ["CZlib", "Digest", "Threads"],
  "Sources/Data/TensorFiles": ["Files"],
  "Sources/Data/Raster": ["CJPEG", "CPNG"],
  "Sources/Data/Figures": ["CPango", "Files", "Raster"],
  "Sources/Data/Images": ["CResampling", "Digest", "Files", "Raster", "Tensor", "Threads"],

  "Sources/Settings/Configuration": ["Files", "Yams"],
  "Sources/Settings/JobKinds": ["CContracts", "Configuration"],

  // The model trains without a database.
  "Sources/Model/PRAModel": ["Autodiff", "Configuration", "NeuralNetwork", "Tensor"],
  "Sources/Model/Training": [
    "Autodiff", "CKernels", "Configuration", "Files", "NeuralNetwork", "PRAModel", "Tensor",
    "TensorFiles", "Threads",
  ],
  "Sources/Model/Sampling": [
    "Autodiff", "CKernels", "Configuration", "NeuralNetwork", "PRAModel", "Tensor",
  ],
  "Sources/Model/Inception": ["Autodiff", "CKernels", "Files", "Tensor", "TensorFiles"],
  "Sources/Model/Evaluation": ["COpenBLAS", "Inception", "Tensor"],

  // The queue runs without a model.
  "Sources/Queue/Postgres": ["CMigrations", "CPostgres", "Digest"],
  "Sources/Queue/JobQueue": ["Postgres"],
  "Sources/Queue/RunStore": ["CCurl", "Digest", "Files", "JobQueue", "Postgres", "Threads"],
  "Sources/Queue/StageKit": ["Files", "JobQueue", "Postgres", "RunStore", "Threads"],
  "Sources/Queue/Agent": ["Files", "JobQueue", "Logging", "Postgres", "RunStore", "Threads"],
  // The pages know no database; the server asks it and nothing else.
  "Sources/Dashboard/Pages": [],
  "Sources/Dashboard/pra-dashboard": [
    "CAssets", "CMicrohttpd", "Configuration", "Digest", "Files", "JobQueue", "Pages", "Postgres",
    "Figures", "Images", "Raster", "RunStore",
    "Threads",
  ],
  "Sources/pra": [
    "Agent", "ArgumentParser", "CCUDA", "Configuration", "Digest", "Figures", "Files", "Foundation",
    "JobKinds", "JobQueue", "Logging", "Postgres", "Raster", "RunStore", "TensorFiles", "Threads",
  ],

  // They meet only here, and in the stages: a stage imports what `Package.swift` declares for it.
  "workers/inputs": [
    "Configuration", "Evaluation", "Files", "Images", "Inception", "PRAModel", "RunStore",
    "StageKit", "Tensor", "TensorFiles", "Training",
  ],
]

/// Dependencies that the function `stage` adds to those of every stage.
private let ofEveryStage: Set<String> = ["JobKinds", "RunStore", "StageInputs", "StageKit"]

/// Groups of folders of `Sources` and the groups that each may import from, besides itself: the
/// model trains without a database, the queue runs without a model.
let groups: [String: Set<String>] = [
  "Libraries": [],
  "Compute": ["Libraries"],
  "Data": ["Compute", "Libraries"],
  "Settings": ["Data"],
  "Model": ["Compute", "Data", "Libraries", "Settings"],
  "Queue": ["Data", "Libraries"],
  "Dashboard": ["Data", "Libraries", "Queue", "Settings"],
]
private let common: Set<String> = ["FoundationEssentials", "Glibc", "Synchronization", "Swift"]

/// Rules of the source tree itself.
@Suite struct ImportTests {
  private func imports(of file: SourceFile) -> [String] {
    file.lines.compactMap { line in
      guard line.holds("import") else { return nil }
      var words = line.split(separator: " ")
      while let first = words.first, first.hasPrefix("@") || first == "package" {
        words.removeFirst()
      }
      guard words.first == "import", words.count >= 2 else { return nil }
      return String(words.last!.split(separator: ".")[0])
    }
  }

  /// The declarations of targets in `Package.swift`, each from its first argument on.
  private func declarations() throws -> [Substring] {
    try String(contentsOf: Repository.root.appending(path: "Package.swift"), encoding: .utf8).split(
      separator: /\n {2,4}(?:library|stage|tests|\.target|\.executableTarget)\(/)
  }

  /// The row of every folder: of a stage the modules that its declaration names.
  private func rows() throws -> [String: Set<String>] {
    var rows = allowed
    let declarations = try declarations()
    for folder in try Repository.workerFolders() where rows[folder] == nil {
      let kind = folder.dropFirst("workers/".count)
      let declaration = declarations.first {
        $0.drop { " \n\"".contains($0) }.hasPrefix("\(kind)\",")
      }
      guard let declaration else { continue }
      let modules = declaration.drop { $0 != "[" }.prefix { $0 != "]" }
      rows[folder] = Set(modules.matches(of: /"([A-Za-z]+)"/).map { String($0.1) })
    }
    return rows
  }

  @Test func everyFolderImportsWhatItsRowNames() throws {
    let folders = try Repository.targetFolders() + Repository.workerFolders()
    let rows = try rows()
    for folder in folders {
      let files = try Repository.files(under: folder, suffixes: [".swift"])
      guard !files.isEmpty else { continue }
      guard var row = rows[folder] else {
        Issue.record("\(folder) has no row in the import table, nor is it a stage of Package.swift")
        continue
      }
      if folder.hasPrefix("workers/") { row.formUnion(ofEveryStage) }
      for file in files {
        for module in imports(of: file) where !common.contains(module) {
          #expect(row.contains(module), "\(file.path) imports \(module)")
        }
      }
    }
    #expect(folders.count >= 15)
  }

  @Test func noGroupImportsFromOneAboveIt() throws {
    var groupOf: [Substring: String] = [:]
    for folder in try Repository.targetFolders() {
      let parts = folder.split(separator: "/")
      guard parts.count == 3 else { continue }
      groupOf[parts[2]] = String(parts[1])
    }
    #expect(Set(groupOf.values) == Set(groups.keys))
    var checked = 0
    for (folder, row) in allowed {
      let name = folder.split(separator: "/").last!
      guard folder.hasPrefix("Sources/"), let group = groupOf[name] else { continue }
      for module in row {
        guard let other = groupOf[Substring(module)], other != group else { continue }
        #expect(groups[group]!.contains(other), "\(folder) imports \(module) of \(other)")
        checked += 1
      }
    }
    #expect(checked > 20)
  }

  /// An unused row would hide the next mistake.
  @Test func noRowNamesMoreThanIsImported() throws {
    for (folder, row) in try rows() {
      let files = try Repository.files(under: folder, suffixes: [".swift"])
      let used = Set(files.flatMap { imports(of: $0) })
      #expect(row.subtracting(used).isEmpty, "\(folder) does not import \(row.subtracting(used))")
    }
  }

  /// A module that is imported but not declared is not rebuilt with its importers when it changes:
  /// they keep the old layout of its structs and crash.
  @Test func everyImportIsADeclaredDependency() throws {
    let declarations = try declarations()
    let folders =
      try Repository.targetFolders() + Repository.workerFolders()
      + Repository.folders(in: "Tests").map { "Tests/\($0)" }
    let modules =
      try Repository.targetFolders().map { String($0.split(separator: "/").last!) }
      + ["StageInputs"]
    var checked = 0
    for folder in folders {
      let name = String(folder.split(separator: "/").last!)
      let target = name == "inputs" ? "StageInputs" : name
      guard
        let declaration = declarations.first(where: {
          let head = $0.drop { " \n\"".contains($0) }.prefix { $0 != "," }
          return head.hasSuffix("/\(target)\"") || head == "\(target)\""
            || head.hasPrefix("name: \"\(target)\"")
        })
      else { continue }
      let given = folder.hasPrefix("workers/") ? ofEveryStage : []
      for file in try Repository.files(under: folder, suffixes: [".swift"]) {
        for module in imports(of: file) where modules.contains(module) && !given.contains(module) {
          #expect(declaration.contains("\"\(module)\""), "\(target) imports \(module)")
          checked += 1
        }
      }
    }
    #expect(checked > 100)
  }
}
