// Who may import whom. The table is the architecture: a row changes with a page in ops/decisions.

import Testing

/// Modules of this package and foreign ones that a folder's files may import. What any file may
/// import besides: `common`.
let allowed: [String: Set<String>] = [
  "Sources/Compute/Tensor": ["CKernels"],
  "Sources/Compute/Autodiff": ["CKernels", "Tensor"],
  "Sources/Compute/NeuralNetwork": ["Autodiff", "Tensor"],

  "Sources/Data/Digest": ["CCrypto"],
  "Sources/Data/Files": ["CZlib", "Digest"],
  "Sources/Data/TensorFiles": ["Files"],
  "Sources/Data/Raster": ["CJPEG", "CPNG"],
  "Sources/Data/Images": ["CResampling", "Digest", "Files", "Raster", "Tensor"],

  "Sources/Settings/Configuration": ["Files", "Yams"],
  "Sources/Settings/JobKinds": ["Configuration"],

  // The model trains without a database.
  "Sources/Model/PRAModel": ["Autodiff", "Configuration", "NeuralNetwork", "Tensor"],
  "Sources/Model/Training": [
    "Autodiff", "Configuration", "Files", "NeuralNetwork", "PRAModel", "Tensor", "TensorFiles",
  ],
  "Sources/Model/Sampling": ["Autodiff", "Configuration", "NeuralNetwork", "PRAModel", "Tensor"],
  "Sources/Model/Inception": ["Autodiff", "Files", "Tensor", "TensorFiles"],
  "Sources/Model/Evaluation": ["COpenBLAS", "Inception", "Tensor"],

  // The queue runs without a model.
  "Sources/Queue/Postgres": ["CMigrations", "CPostgres"],
  "Sources/Queue/JobQueue": ["Postgres"],
  "Sources/Queue/RunStore": ["CCurl", "Digest", "Files", "JobQueue", "Postgres"],
  "Sources/Queue/Agent": ["Files", "JobQueue", "Logging", "Postgres", "RunStore"],
  "Sources/pra": [
    "Agent", "ArgumentParser", "Configuration", "Digest", "Files", "Foundation", "JobKinds",
    "JobQueue", "Logging", "Postgres", "Raster", "RunStore", "TensorFiles",
  ],

  // They meet only here.
  "workers/inputs": [
    "Configuration", "Evaluation", "Files", "Images", "Inception", "PRAModel", "RunStore",
    "Tensor", "TensorFiles", "Training",
  ],
  "workers/features": [
    "Configuration", "Digest", "Files", "Images", "Inception", "JobKinds", "Raster", "RunStore",
    "StageInputs", "Tensor", "TensorFiles",
  ],
  "workers/probe": [
    "Evaluation", "Files", "Images", "JobKinds", "PRAModel", "Raster", "RunStore", "StageInputs",
    "Tensor",
  ],
  "workers/reference": [
    "Evaluation", "Files", "JobKinds", "RunStore", "StageInputs", "TensorFiles",
  ],
  "workers/neighbours": ["Files", "Images", "JobKinds", "Raster", "RunStore", "StageInputs"],
  "workers/ingest": ["Files", "Images", "JobKinds", "RunStore", "StageInputs"],
  "workers/train": [
    "Configuration", "Files", "Images", "JobKinds", "NeuralNetwork", "PRAModel", "RunStore",
    "StageInputs", "Tensor", "TensorFiles", "Training",
  ],
  "workers/sample": [
    "Configuration", "Files", "Images", "JobKinds", "PRAModel", "Raster", "RunStore", "Sampling",
    "StageInputs", "Tensor",
  ],
  "workers/compare": [
    "Configuration", "Evaluation", "JobKinds", "Raster", "RunStore", "StageInputs",
  ],
  "workers/evaluate": [
    "Evaluation", "Files", "Images", "JobKinds", "PRAModel", "RunStore", "StageInputs", "Tensor",
  ],
]
/// Groups of folders of `Sources` and the groups that each may import from, besides itself: the
/// model trains without a database, the queue runs without a model.
let groups: [String: Set<String>] = [
  "Libraries": [],
  "Compute": ["Libraries"],
  "Data": ["Compute", "Libraries"],
  "Settings": ["Data"],
  "Model": ["Compute", "Data", "Libraries", "Settings"],
  "Queue": ["Data", "Libraries"],
]
private let common: Set<String> = ["FoundationEssentials", "Glibc", "Synchronization", "Swift"]

/// Rules of the source tree itself.
@Suite struct ImportTests {
  private func imports(of file: SourceFile) -> [String] {
    file.lines.compactMap { line in
      var words = line.split(separator: " ")
      while let first = words.first, first.hasPrefix("@") || first == "package" {
        words.removeFirst()
      }
      guard words.first == "import", words.count >= 2 else { return nil }
      return String(words.last!.split(separator: ".")[0])
    }
  }

  @Test func everyFolderImportsWhatItsRowNames() throws {
    let folders = try Repository.targetFolders() + Repository.workerFolders()
    for folder in folders {
      let files = try Repository.files(under: folder, suffixes: [".swift"])
      guard !files.isEmpty else { continue }
      guard let row = allowed[folder] else {
        Issue.record("\(folder) has no row in the import table")
        continue
      }
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

  /// A row that names a module nobody imports hides the next mistake.
  @Test func noRowNamesMoreThanIsImported() throws {
    for (folder, row) in allowed {
      let files = try Repository.files(under: folder, suffixes: [".swift"])
      let used = Set(files.flatMap { imports(of: $0) })
      #expect(row.subtracting(used).isEmpty, "\(folder) does not import \(row.subtracting(used))")
    }
  }

  /// A module that is imported but not declared is not rebuilt with its importers when it changes:
  /// they keep the old layout of its structs and crash.
  @Test func everyImportIsADeclaredDependency() throws {
    let package = try #require(
      try Repository.files(under: ".", suffixes: ["Package.swift"]).first {
        $0.path == "./Package.swift"
      })
    let declarations = package.text.split(
      separator: /\n    (?:library|stage|tests|\.target|\.executableTarget)\(/)
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
      // The function `stage` adds these to every stage.
      let given: Set<String> =
        folder.hasPrefix("workers/") ? ["JobKinds", "RunStore", "StageInputs"] : []
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
