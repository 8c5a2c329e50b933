// swift-tools-version: 6.2
import PackageDescription

// The target graph: ops/decisions/0001-target-graph.md. Tests/ArchitectureTests holds the import
// table and fails when a file imports what its row does not name.

let swiftSettings: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// Kernels carry their own flags: they must be fast in debug builds too, since tests train models.
/// Never -ffast-math: it assumes NaN away, and non-finite losses are tested for.
let kernelFlags = [
  "-O3", "-fno-math-errno", "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math",
  "-ffp-contract=fast", "-mprefer-vector-width=512", "-Wall", "-Wextra", "-Werror",
]

let resamplingFlags = ["-O3", "-Wall", "-Wextra", "-Werror"]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The executable of one job kind; the agent starts it as a child process.
func stage(_ kind: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: "pra-\(kind)", dependencies: dependencies + ["JobKinds", "RunStore", "StageInputs"],
    path: "workers/\(kind)", exclude: ["contract.json"], swiftSettings: swiftSettings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: swiftSettings)
}

let package = Package(
  name: "pra-pipeline",
  products: [
    // Loaded into programs that are killed by tests; nothing links it.
    .library(name: "KillPoint", type: .dynamic, targets: ["KillPoint"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  // A target names every module that it imports: what is only reached through another is not
  // rebuilt when it changes, and then two layouts of one struct meet.
  targets: [
    // Foreign libraries, each imported by exactly one target.
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    // libpng with its jumps kept inside C.
    .target(name: "CPNG", linkerSettings: [.linkedLibrary("png16")]),
    // libjpeg-turbo, likewise.
    .target(name: "CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // libcurl's variadic functions behind one plain one.
    .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),

    // The model trains without a database.
    .target(name: "CKernels", cSettings: [.unsafeFlags(kernelFlags)]),
    library("Tensor", ["CKernels"]),
    library("Autodiff", ["CKernels", "Tensor"]),
    library("NeuralNetwork", ["Autodiff", "Tensor"]),
    library("Files", ["CZlib", "Digest"]),
    library("TensorFiles", ["Files"]),
    library("Configuration", ["Files", yams]),
    library("Raster", ["CJPEG", "CPNG"]),
    // As fast in debug builds: tests resize pictures.
    .target(name: "CResampling", cSettings: [.unsafeFlags(resamplingFlags)]),
    library("Images", ["CResampling", "Digest", "Files", "Raster", "Tensor"]),
    library("PRAModel", ["Autodiff", "Configuration", "NeuralNetwork", "Tensor"]),
    library(
      "Training",
      [
        "Autodiff", "Configuration", "Files", "NeuralNetwork", "PRAModel", "Tensor", "TensorFiles",
      ]),
    library(
      "Sampling", ["Autodiff", "Configuration", "NeuralNetwork", "PRAModel", "Tensor"]),
    library("Inception", ["Autodiff", "Files", "Tensor", "TensorFiles"]),
    library("Evaluation", ["COpenBLAS", "Inception", "Tensor"]),

    library("Digest", ["CCrypto"]),

    // The queue runs without a model.
    .target(name: "CMigrations"),
    library("Postgres", ["CPostgres", "CMigrations"]),
    library("DatabaseTesting", ["Postgres"]),
    library("JobQueue", ["Postgres"]),
    library("RunStore", ["CCurl", "Digest", "Files", "JobQueue", "Postgres"]),
    library("JobKinds", ["Configuration"]),
    library("Agent", ["Files", "JobQueue", "Postgres", "RunStore", logging]),
    .executableTarget(
      name: "pra",
      dependencies: [
        "Agent", "Configuration", "Digest", "Files", "JobKinds", "JobQueue", "Postgres", "Raster",
        "RunStore", "TensorFiles", logging, argumentParser,
      ],
      swiftSettings: swiftSettings),

    // They meet only here.
    .target(
      name: "StageInputs",
      dependencies: [
        "Configuration", "Evaluation", "Files", "Images", "Inception", "PRAModel", "RunStore",
        "Tensor", "TensorFiles", "Training",
      ], path: "workers/inputs",
      swiftSettings: swiftSettings),
    stage("ingest", ["Files", "Images"]),
    stage(
      "train",
      [
        "Configuration", "Files", "Images", "NeuralNetwork", "PRAModel", "Tensor", "TensorFiles",
        "Training",
      ]),
    stage(
      "sample",
      ["Configuration", "Files", "Images", "PRAModel", "Raster", "Sampling", "Tensor"]),
    stage(
      "features",
      [
        "Configuration", "Digest", "Files", "Images", "Inception", "Raster", "Tensor",
        "TensorFiles",
      ]),
    stage("reference", ["Evaluation", "Files", "TensorFiles"]),
    stage("evaluate", ["Evaluation", "Files", "Images", "PRAModel", "Tensor"]),
    stage(
      "probe", ["Evaluation", "Files", "Images", "PRAModel", "Raster", "Tensor"]),
    stage("compare", ["Configuration", "Evaluation", "Raster"]),
    stage("neighbours", ["Files", "Images", "Raster"]),

    .executableTarget(
      name: "bench-compute",
      dependencies: [
        "AllocationCount", "COpenBLAS", "Configuration", "NeuralNetwork", "PRAModel", "Sampling",
        "Tensor", "Training",
      ],
      path: "ops/bench/compute.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-inception",
      dependencies: ["Evaluation", "Inception", "Tensor", "TensorFiles"],
      path: "ops/bench/inception.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-store",
      dependencies: [
        "Configuration", "Files", "PRAModel", "Postgres", "RunStore", "Tensor", "Training",
      ],
      path: "ops/bench/store.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-queue", dependencies: ["JobQueue", "Postgres", "RunStore"],
      path: "ops/bench/queue.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "chaos-client", dependencies: ["JobQueue", "Postgres", "RunStore"],
      path: "ops/chaos/queue.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-ingest", dependencies: ["Files", "Images"],
      path: "ops/bench/ingest.d", swiftSettings: swiftSettings),

    // Readers under libFuzzer; without its flag they are given files: ops/fuzz.
    .executableTarget(
      name: "fuzz-readers", dependencies: ["Files", "Images", "Raster", "TensorFiles"],
      path: "ops/fuzz/readers.d", swiftSettings: swiftSettings),

    // malloc and its kin with a counter, for what must not ask for memory.
    .target(name: "AllocationCount", path: "Tests/Support/AllocationCount"),

    .target(name: "KillPoint", path: "Tests/Support/KillPoint"),

    // Processes for the tests of the agent: a stage that does as it is told, and an agent to kill.
    .executableTarget(
      name: "pra-test", dependencies: ["RunStore"], path: "Tests/Support/Stage",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "read-weights", dependencies: ["Files", "TensorFiles"], path: "Tests/Support/Weights",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "test-agent", dependencies: ["Agent", "Postgres", "RunStore", logging],
      path: "Tests/Support/Agent",
      swiftSettings: swiftSettings),

    tests("ArchitectureTests", []),
    tests(
      "ModelTests",
      [
        "AllocationCount", "Autodiff", "Configuration", "Digest", "Evaluation", "Files",
        "NeuralNetwork", "PRAModel", "Sampling", "Tensor", "TensorFiles", "Training",
      ]),
    tests(
      "EvaluationTests", ["Evaluation", "Files", "Inception", "Tensor", "TensorFiles"]),
    tests("TensorTests", ["CKernels", "Tensor"]),
    tests("AutodiffTests", ["Autodiff", "Tensor"]),
    tests("ConfigurationTests", ["Configuration"]),
    tests("DigestTests", ["Digest"]),
    tests("FilesTests", ["Digest", "Files"]),
    tests("RasterTests", ["Raster"], resources: [.copy("Golden")]),
    tests(
      "ImagesTests", ["Files", "Images", "Raster", "Tensor", "fuzz-readers"],
      resources: [.copy("Golden")]),
    tests("TensorFilesTests", ["Files", "TensorFiles", "read-weights"]),
    tests(
      "RunStoreTests",
      ["DatabaseTesting", "Digest", "JobQueue", "Postgres", "RunStore", "pra-test"]),
    tests(
      "AgentTests",
      ["Agent", "DatabaseTesting", "Postgres", "RunStore", "pra-test", "test-agent"]),
    tests("PostgresTests", ["Postgres", "DatabaseTesting"]),
    tests("JobQueueTests", ["JobQueue", "Postgres", "DatabaseTesting"]),
    tests("JobKindsTests", ["JobKinds", "Configuration"]),
    tests(
      "CommandLineTests",
      [
        "pra", "pra-ingest", "pra-train", "pra-sample", "pra-features", "pra-reference",
        "pra-evaluate", "pra-probe", "pra-compare", "pra-neighbours", "Digest", "Files", "Postgres",
        "Raster", "TensorFiles", "DatabaseTesting",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
