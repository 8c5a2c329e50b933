// Programs on a GPU that the processor plays.

import Foundation
import Testing

/// The end of a program: its exit code and its output.
struct Ended {
  let code: Int32
  let output: String
}

/// Folders of the emulated libraries and of compiled kernels.
struct EmulatedGPU {
  /// The folder of the built programs.
  static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  /// The folder of the repository.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// A folder with the emulated libraries under the names of NVIDIA's; a new one, that the caller
  /// removes.
  static func libraries() throws -> URL {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "emulated-gpu-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, library) in [
      ("libcuda.so.1", "libEmulatedDriver.so"), ("libcublasLt.so.13", "libEmulatedDriver.so"),
      ("libnvrtc.so.13", "libEmulatedCompiler.so"),
    ] {
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: name), withDestinationURL: products.appending(path: library))
    }
    return folder
  }

  /// Kernels that all tests share; their names say from which text they were compiled.
  static let kernels = products.appending(path: "emulated-gpu/kernels").path(percentEncoded: false)

  /// Runs a built program to its end.
  static func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Ended {
    let libraries = try libraries()
    defer { try? FileManager.default.removeItem(at: libraries) }
    let process = Process()
    process.executableURL = products.appending(path: program)
    process.arguments = arguments
    var all = ProcessInfo.processInfo.environment
    all["PRA_CUDA_PATH"] = libraries.path(percentEncoded: false)
    all["PRA_CUDA_CACHE"] = kernels
    all["PRA_DEVICE"] = "cuda"
    process.environment = all.merging(environment) { $1 }
    return try finish(process)
  }

  /// Runs a process to its end and takes what it says.
  static func finish(_ process: Process) throws -> Ended {
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Ended(
      code: process.terminationReason == .exit
        ? process.terminationStatus : 128 + process.terminationStatus,
      output: String(decoding: output, as: UTF8.self))
  }
}
