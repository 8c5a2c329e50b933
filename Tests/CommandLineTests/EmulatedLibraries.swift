// NVIDIA's libraries as machines without a GPU have them, for workers and their stages.

import Foundation

/// A new folder with the emulated libraries under the names of NVIDIA's, which the caller removes.
struct EmulatedLibraries {
  let folder: URL

  /// The folder of the built programs.
  static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent()

  /// - Parameters:
  ///   - compiler: whether the compiler and the products are there, too
  ///   - nccl: whether NCCL is there, too
  init(compiler: Bool, nccl: Bool = false) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "gpus-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var names = [("libcuda.so.1", "libEmulatedDriver.so")]
    if compiler {
      names += [
        ("libnvrtc.so.13", "libEmulatedCompiler.so"), ("libcublasLt.so.13", "libEmulatedDriver.so"),
      ]
    }
    if nccl { names.append(("libnccl.so.2", "libEmulatedDriver.so")) }
    for (name, library) in names {
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: name),
        withDestinationURL: Self.products.appending(path: library))
    }
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  func environment(devices: Int) -> [String: String] {
    [
      "PRA_CUDA_PATH": folder.path(percentEncoded: false), "EMULATION_DEVICES": String(devices),
      "PRA_HOME": folder.path(percentEncoded: false), "PRA_DEVICE": "",
    ]
  }

  /// For stages that compute: with the kernels that all tests share, and where the compiler is that plays NVIDIA's.
  func computingEnvironment(devices: Int) -> [String: String] {
    let kernels = Self.products.appending(path: "emulated-gpu/kernels")
    return environment(devices: devices).merging([
      "PRA_CUDA_CACHE": kernels.path(percentEncoded: false),
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
    ]) { $1 }
  }
}
