// swift-tools-version: 6.2
import PackageDescription

// ARCHITECTURE.md shows the graph of the targets. Tests/ArchitectureTests holds the import table and
// fails when a file imports what its row does not name.

let swiftSettings: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// Kernels carry their own flags: they must be fast in debug builds too, since tests train models.
/// Never -ffast-math: it assumes NaN away, and non-finite losses are tested for.
let kernelFlags = [
  "-O3", "-fno-math-errno", "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math",
  "-ffp-contract=fast", "-mprefer-vector-width=512", "-Wall", "-Wextra", "-Werror",
]

/// Tests move millions of numbers through these, one by one: they are optimized in debug builds too.
let numberSettings =
  swiftSettings + [.unsafeFlags(["-O"], .when(configuration: .debug))]

let emulatorFlags = ["-O2", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-c23-extensions"]

/// Its templates are Gloo's.
let glooFlags = ["-O2", "-std=c++17", "-Wall", "-Wextra", "-Werror"]

let resamplingFlags = ["-O3", "-Wall", "-Wextra", "-Werror"]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// A library of one folder of a group, as in "Compute/Tensor": the target is named as the folder.
func library(
  _ folder: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [],
  settings: [SwiftSetting] = swiftSettings
) -> Target {
  .target(
    name: String(folder.split(separator: "/").last!), dependencies: dependencies,
    path: "Sources/\(folder)", exclude: exclude, swiftSettings: settings)
}

/// The executable of one job kind; the agent starts it as a child process.
func stage(_ kind: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: "pra-\(kind)",
    dependencies: dependencies + ["JobKinds", "RunStore", "StageInputs", "StageKit"],
    path: "workers/\(kind)", exclude: ["contract.json"], swiftSettings: swiftSettings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, resources: resources, swiftSettings: swiftSettings)
}

/// Every job kind: its folder of `workers` and what its files import besides what `stage` adds.
let stages = [
  stage("ingest", ["Files", "Images"]),
  stage(
    "train",
    [
      "CGloo", "Configuration", "Files", "Images", "NeuralNetwork", "PRAModel", "Tensor",
      "TensorFiles", "Threads", "Training",
    ]),
  stage(
    "sample",
    ["Configuration", "Digest", "Files", "Images", "PRAModel", "Sampling", "Tensor"]),
  stage(
    "features",
    [
      "Configuration", "Digest", "Files", "Images", "Inception", "Raster", "Tensor",
      "TensorFiles",
    ]),
  stage("reference", ["Digest", "Evaluation", "Files", "TensorFiles"]),
  stage("evaluate", ["Evaluation", "Files", "Images", "PRAModel", "Tensor", "TensorFiles"]),
  stage(
    "probe", ["Evaluation", "Figures", "Files", "Images", "PRAModel", "Tensor"]),
  stage("compare", ["Configuration", "Evaluation", "Figures"]),
  stage("neighbours", ["Figures", "Files", "Images", "Raster"]),
  stage(
    "command", ["Configuration", "Digest", "Files", "Images", "TensorFiles", "Threads", "Training"]),
]

let package = Package(
  name: "pra-pipeline",
  products: [
    // Loaded into programs that are killed by tests; nothing links it.
    .library(name: "KillPoint", type: .dynamic, targets: ["KillPoint"]),
    // Gloo's calls for the ranks of a training; opened by name where there are several.
    .library(name: "GlooEngine", type: .dynamic, targets: ["GlooEngine"]),
    // An NVIDIA driver and its compiler for machines without a GPU; opened by name: ops/emulated-gpu.
    .library(name: "EmulatedDriver", type: .dynamic, targets: ["EmulatedDriver"]),
    .library(name: "EmulatedCompiler", type: .dynamic, targets: ["EmulatedCompiler"]),
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
      name: "COpenBLAS", path: "Sources/Libraries/COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CPostgres", path: "Sources/Libraries/CPostgres", pkgConfig: "libpq",
      providers: [.apt(["libpq-dev"])]),
    .systemLibrary(
      name: "CZlib", path: "Sources/Libraries/CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CCrypto", path: "Sources/Libraries/CCrypto", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"])]),
    // Letters and lines of figures; no stage that trains links it.
    .systemLibrary(
      name: "CPango", path: "Sources/Libraries/CPango", pkgConfig: "cairo",
      providers: [.apt(["libcairo2-dev", "libpango1.0-dev"])]),
    // libpng and libjpeg-turbo with their jumps kept inside C, libcurl's variadic functions behind a
    // plain one.
    .target(
      name: "CPNG", path: "Sources/Libraries/CPNG", linkerSettings: [.linkedLibrary("png16")]),
    .target(
      name: "CJPEG", path: "Sources/Libraries/CJPEG", linkerSettings: [.linkedLibrary("jpeg")]),
    .target(
      name: "CCurl", path: "Sources/Libraries/CCurl", linkerSettings: [.linkedLibrary("curl")]),
    .target(
      name: "CMicrohttpd", path: "Sources/Libraries/CMicrohttpd",
      linkerSettings: [.linkedLibrary("microhttpd")]),
    .target(name: "CProcess", path: "Sources/Libraries/CProcess"),
    // The driver of NVIDIA GPUs, opened at run time where there is one.
    .target(name: "CCUDA", path: "Sources/Libraries/CCUDA"),
    // Gloo, opened at run time by whoever trains on several machines; what calls it is a library of its own.
    .target(name: "CGloo", path: "Sources/Libraries/CGloo"),
    .target(
      name: "GlooEngine", path: "Sources/Libraries/GlooEngine",
      cxxSettings: [.unsafeFlags(glooFlags)]),
    // pthreads: a thread of its own, a value that threads wait for, work in order; the processes below this one.
    library("Libraries/Threads", ["CProcess"]),

    // Tensors and networks.
    .target(
      name: "CKernels", dependencies: ["CCUDA"], path: "Sources/Compute/CKernels",
      exclude: ["cuda/kernels"], cSettings: [.unsafeFlags(kernelFlags)]),
    library("Compute/Tensor", ["CKernels"], settings: numberSettings),
    library("Compute/Autodiff", ["CKernels", "Tensor"]),
    library("Compute/NeuralNetwork", ["Autodiff", "CKernels", "Tensor"]),

    // Files, archives, pictures.
    library("Data/Digest", ["CCrypto"]),
    library("Data/Files", ["CZlib", "Digest", "Threads"]),
    library("Data/TensorFiles", ["Files"]),
    library("Data/Raster", ["CJPEG", "CPNG"]),
    library("Data/Figures", ["CPango", "Files", "Raster"]),
    // As fast in debug builds: tests resize pictures.
    .target(
      name: "CResampling", path: "Sources/Data/CResampling",
      cSettings: [.unsafeFlags(resamplingFlags)]),
    library("Data/Images", ["CResampling", "Digest", "Files", "Raster", "Tensor", "Threads"]),

    // Run files and the arguments of jobs, as people write them.
    library("Settings/Configuration", ["Files", yams]),
    .target(name: "CContracts", path: "Sources/Settings/CContracts"),
    library("Settings/JobKinds", ["CContracts", "Configuration"]),

    // The model trains without a database.
    library(
      "Model/PRAModel", ["Autodiff", "Configuration", "NeuralNetwork", "Tensor"],
      exclude: ["model.md"]),
    library(
      "Model/Training",
      [
        "Autodiff", "CKernels", "Configuration", "Files", "NeuralNetwork", "PRAModel", "Tensor",
        "TensorFiles", "Threads",
      ]),
    library(
      "Model/Sampling",
      ["Autodiff", "CKernels", "Configuration", "NeuralNetwork", "PRAModel", "Tensor"]),
    library("Model/Inception", ["Autodiff", "CKernels", "Files", "Tensor", "TensorFiles"]),
    library("Model/Evaluation", ["COpenBLAS", "Inception", "Tensor"]),

    // The queue runs without a model.
    .target(name: "CMigrations", path: "Sources/Queue/CMigrations"),
    library("Queue/Postgres", ["CPostgres", "CMigrations", "Digest"]),
    library("Queue/JobQueue", ["Postgres"]),
    library("Queue/RunStore", ["CCurl", "Digest", "Files", "JobQueue", "Postgres", "Threads"]),
    library("Queue/StageKit", ["Files", "JobQueue", "Postgres", "RunStore", "Threads"]),
    library("Queue/Agent", ["Files", "JobQueue", "Postgres", "RunStore", "Threads", logging]),
    .executableTarget(
      name: "pra",
      dependencies: [
        "Agent", "CCUDA", "Configuration", "Digest", "Figures", "Files", "JobKinds", "JobQueue",
        "Postgres", "Raster", "RunStore", "TensorFiles", "Threads", logging, argumentParser,
      ],
      swiftSettings: swiftSettings),

    // Pages over the queue's views, and the program that serves them.
    .target(
      name: "CAssets", path: "Sources/Dashboard/CAssets",
      exclude: ["dashboard.css", "page.js", "chart.js", "icon.svg"]),
    library("Dashboard/Pages"),
    .executableTarget(
      name: "pra-dashboard",
      dependencies: [
        "CAssets", "CMicrohttpd", "Configuration", "Digest", "Files", "JobQueue", "Pages",
        "Postgres", "Figures", "Images", "Raster",
        "RunStore", "Threads",
      ], path: "Sources/Dashboard/pra-dashboard", swiftSettings: swiftSettings),

    // They meet only here.
    .target(
      name: "StageInputs",
      dependencies: [
        "Configuration", "Evaluation", "Files", "Images", "Inception", "PRAModel", "RunStore",
        "StageKit", "Tensor", "TensorFiles", "Training",
      ], path: "workers/inputs",
      swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-compute",
      dependencies: [
        "AllocationCount", "COpenBLAS", "Configuration", "PRAModel", "Sampling", "Tensor",
        "Training",
      ],
      path: "ops/bench/compute.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-inception",
      dependencies: ["Evaluation", "Inception", "Tensor", "TensorFiles"],
      path: "ops/bench/inception.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-store",
      dependencies: [
        "Configuration", "Files", "JobQueue", "PRAModel", "Postgres", "StageKit", "Tensor",
        "Threads",
        "Training",
      ],
      path: "ops/bench/store.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-queue", dependencies: ["JobQueue", "Postgres", "Threads"],
      path: "ops/bench/queue.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "chaos-client", dependencies: ["JobQueue", "Postgres", "Threads"],
      path: "ops/chaos/queue.d", swiftSettings: swiftSettings),

    .executableTarget(
      name: "bench-ingest", dependencies: ["Files", "Images"],
      path: "ops/bench/ingest.d", swiftSettings: swiftSettings),

    // Readers under libFuzzer; without its flag they are given files: ops/fuzz.
    .executableTarget(
      name: "fuzz-readers", dependencies: ["Files", "Images", "Raster", "RunStore", "TensorFiles"],
      path: "ops/fuzz/readers.d", swiftSettings: swiftSettings),

    // Databases for tests.
    .target(
      name: "DatabaseTesting", dependencies: ["Postgres"], path: "Tests/Support/DatabaseTesting",
      swiftSettings: swiftSettings),

    // Buckets for tests.
    .target(
      name: "ObjectServer", path: "Tests/Support/ObjectServer", swiftSettings: swiftSettings),

    // Pages of the repository, of which tests write parts.
    .target(name: "PageTesting", path: "Tests/Support/Pages", swiftSettings: swiftSettings),

    // malloc and its kin with a counter, for what must not ask for memory.
    .target(name: "AllocationCount", path: "Tests/Support/AllocationCount"),

    .target(name: "KillPoint", path: "Tests/Support/KillPoint"),

    // As fast in debug builds: kernels run on them.
    .target(
      name: "EmulatedDriver", path: "Tests/Support/EmulatedCUDA/Driver",
      cxxSettings: [.unsafeFlags(emulatorFlags)]),
    .target(
      name: "EmulatedCompiler", path: "Tests/Support/EmulatedCUDA/Compiler",
      cxxSettings: [.unsafeFlags(emulatorFlags)]),

    // Operations on a device and on a CPU in float64, compared.
    .target(
      name: "OperationChecks", dependencies: ["CKernels", "Tensor"],
      path: "Tests/Support/OperationChecks", swiftSettings: numberSettings),
    .executableTarget(
      name: "gpu-check",
      dependencies: [
        "Autodiff", "CCUDA", "CKernels", "Configuration", "Digest", "Files", "NeuralNetwork",
        "OperationChecks", "PRAModel", "Sampling", "Tensor", "Training",
      ],
      path: "ops/gpu/check.d", swiftSettings: swiftSettings),

    // Processes for the tests of the agent: a stage that does as it is told, and an agent to kill.
    .executableTarget(
      name: "pra-test", dependencies: ["Files", "RunStore", "StageKit"],
      path: "Tests/Support/Stage",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "read-weights", dependencies: ["Files", "TensorFiles"], path: "Tests/Support/Weights",
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "test-agent", dependencies: ["Agent", "Postgres", "Threads", logging],
      path: "Tests/Support/Agent",
      swiftSettings: swiftSettings),

    tests("ArchitectureTests", ["PageTesting"]),
    tests(
      "ModelTests",
      [
        "AllocationCount", "Autodiff", "Configuration", "Digest", "Evaluation", "Files",
        "NeuralNetwork", "PRAModel", "Sampling", "Tensor", "TensorFiles", "Threads", "Training",
      ]),
    tests(
      "EvaluationTests", ["Evaluation", "Files", "Inception", "Tensor", "TensorFiles"]),
    tests("TensorTests", ["CKernels", "Tensor"]),
    tests("AutodiffTests", ["Autodiff", "Tensor"]),
    tests("CUDATests", ["EmulatedCompiler", "EmulatedDriver", "gpu-check"]),
    tests("ConfigurationTests", ["Configuration"]),
    tests("DigestTests", ["Digest"]),
    tests("FilesTests", ["Digest", "Files"]),
    tests("FiguresTests", ["Figures", "Raster"]),
    tests("RasterTests", ["Raster"], resources: [.copy("Golden")]),
    tests(
      "ImagesTests", ["Files", "Images", "Raster", "Tensor", "Threads", "fuzz-readers"],
      resources: [.copy("Golden")]),
    tests("TensorFilesTests", ["Files", "TensorFiles", "read-weights"]),
    tests(
      "RunStoreTests",
      [
        "DatabaseTesting", "Digest", "JobQueue", "ObjectServer", "Postgres", "RunStore", "StageKit",
        "Threads", "pra-test",
      ]),
    tests(
      "AgentTests",
      [
        "Agent", "DatabaseTesting", "JobQueue", "ObjectServer", "Postgres", "RunStore", "Threads",
        "chaos-client", "pra", "pra-test", "test-agent",
      ]),
    tests(
      "DashboardTests",
      [
        "Configuration", "DatabaseTesting", "JobQueue", "Pages", "Postgres", "pra", "pra-dashboard",
      ],
      resources: [.copy("Golden")]),
    tests("PostgresTests", ["Postgres", "DatabaseTesting"]),
    tests(
      "JobQueueTests", ["DatabaseTesting", "JobKinds", "JobQueue", "PageTesting", "Postgres"]),
    tests("JobKindsTests", ["JobKinds", "Configuration"]),
    tests(
      "CommandLineTests",
      [
        "pra", "pra-dashboard", "Digest", "EmulatedCompiler", "EmulatedDriver", "Files",
        "ObjectServer", "PageTesting", "Postgres", "Raster", "TensorFiles", "DatabaseTesting",
      ] + stages.map { .target(name: $0.name) }),
  ] + stages,
  swiftLanguageModes: [.v6]
)
