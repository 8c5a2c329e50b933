// Who may import whom. The table is the architecture: a row changes with a page in ops/decisions.

import Testing

/// Modules of this package and foreign ones that a folder's files may import. What any file may
/// import besides: `common`.
private let allowed: [String: Set<String>] = [
  // The model trains without a database.
  "Sources/Tensor": ["CKernels"],
  "Sources/Autodiff": ["CKernels", "Tensor"],
  "Sources/NeuralNetwork": ["Autodiff", "Tensor"],
  "Sources/Files": ["CZlib", "Digest"],
  "Sources/TensorFiles": ["Files"],
  "Sources/Configuration": ["Files", "Yams"],
  "Sources/Raster": ["CJPEG", "CPNG"],
  "Sources/Images": ["CResampling", "Digest", "Files", "Raster", "Tensor"],
  "Sources/PRAModel": ["Autodiff", "Configuration", "NeuralNetwork", "Tensor"],
  "Sources/Training": [
    "Autodiff", "Configuration", "Files", "NeuralNetwork", "PRAModel", "Tensor", "TensorFiles",
  ],
  "Sources/Sampling": ["Autodiff", "Configuration", "NeuralNetwork", "PRAModel", "Tensor"],
  "Sources/Inception": ["Autodiff", "Files", "Tensor", "TensorFiles"],
  "Sources/Evaluation": ["COpenBLAS", "Inception", "Tensor"],
  // The queue runs without a model.
  "Sources/Digest": ["CCrypto"],
  "Sources/Postgres": ["CMigrations", "CPostgres"],
  "Sources/DatabaseTesting": ["Postgres"],
  "Sources/JobQueue": ["Postgres"],
  "Sources/RunStore": ["CCurl", "Digest", "Files", "JobQueue", "Postgres"],
  "Sources/JobKinds": ["Configuration"],
  "Sources/Agent": ["Files", "JobQueue", "Logging", "Postgres", "RunStore"],
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
    let folders =
      try Repository.folders(in: "Sources").map { "Sources/\($0)" }
      + Repository.folders(in: "workers").map { "workers/\($0)" }
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
      try Repository.folders(in: "Sources").map { ($0, "Sources/\($0)") }
      + Repository.folders(in: "workers").map { ($0, "workers/\($0)") }
      + Repository.folders(in: "Tests").map { ($0, "Tests/\($0)") }
    let modules = try Repository.folders(in: "Sources") + ["StageInputs"]
    var checked = 0
    for (name, folder) in folders {
      let target = name == "inputs" ? "StageInputs" : name
      guard
        let declaration = declarations.first(where: {
          $0.drop { " \n".contains($0) }.hasPrefix("\"\(target)\"")
            || $0.drop { " \n".contains($0) }.hasPrefix("name: \"\(target)\"")
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
