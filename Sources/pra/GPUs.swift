// The NVIDIA GPUs of this machine, for workers and `pra doctor`.

import CCUDA
import Foundation

/// A GPU as its driver describes it.
struct GPU {
  let number: Int
  let name: String
  let memory: Int
  /// Compute capability, as 9.0.
  let capability: String

  /// The label by which jobs ask for it: H200 of "NVIDIA H200".
  var label: String {
    let words = name.split(separator: " ").filter { $0 != "NVIDIA" }
    return words.isEmpty ? "unnamed" : words.joined(separator: "-")
  }
  var gibibytes: Int { memory >> 30 }
  /// As `PRA_DEVICE` names it.
  var device: String { "cuda:\(number)" }
}

/// The GPUs of this machine, their driver and their compiler.
struct GPUs {
  let all: [GPU]
  /// Why there are none.
  let reason: String
  /// Version of the driver, as (13, 0); nil without one.
  let driver: (major: Int, minor: Int)?

  init() {
    var why = [CChar](repeating: 0, count: 1024)
    let count = cuda_device_count(&why, why.count)
    all = (0..<count).compactMap { number in
      var info = cuda_device_info()
      guard cuda_device_describe(number, &info) else { return nil }
      let name = withUnsafeBytes(of: info.name) { Self.text(Array($0)) }
      return GPU(
        number: Int(number), name: name, memory: Int(info.memory),
        capability: "\(info.major).\(info.minor)")
    }
    reason = Self.text(why.map(UInt8.init(bitPattern:)))
    let version = Int(cuda_driver_version())
    driver = version > 0 ? (version / 1000, version % 1000 / 10) : nil
  }

  /// Version and file of NVRTC, or why it is not there.
  var compiler: (found: String?, reason: String) {
    var why = [CChar](repeating: 0, count: 1024)
    var path = [CChar](repeating: 0, count: 4096)
    let version = cuda_compiler_version(&path, path.count, &why, why.count)
    guard version > 0 else { return (nil, Self.text(why.map(UInt8.init(bitPattern:)))) }
    let file = Self.text(path.map(UInt8.init(bitPattern:)))
    return ("NVRTC \(version / 1000).\(version % 1000 / 10), \(file)", "")
  }

  /// The file of cuBLASLt, by which training multiplies where it is.
  var products: String? {
    var why = [CChar](repeating: 0, count: 1024)
    var path = [CChar](repeating: 0, count: 4096)
    guard cuda_blas_describe(&path, path.count, &why, why.count) else { return nil }
    return Self.text(path.map(UInt8.init(bitPattern:)))
  }

  /// The command that brings the compiler and the products that fit the driver.
  func remedy(home: String) -> String {
    let version = driver.map { "\($0.major).\($0.minor)" } ?? "13.0"
    return "python3 -m pip install --target '\(home)/cuda' 'nvidia-cuda-nvrtc==\(version).*' "
      + "'nvidia-cublas==\(version).*'"
  }

  private static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}

extension GPUs {
  /// One line for the GPUs, and where there are any one for the compiler and one for products of training.
  func findings(home: String) -> [Finding] {
    guard !all.isEmpty else { return [Finding("GPU", "none: \(reason)")] }
    let version = driver.map { "driver for CUDA \($0.major).\($0.minor)" } ?? "no driver"
    let said = all.map {
      "\($0.device) \($0.name), \($0.gibibytes) GiB, compute capability \($0.capability)"
    }
    let gpus = Finding("GPU", "\(said.joined(separator: "; ")); \(version)")
    let compiler = compiler
    return [
      gpus,
      compiler.found.map { Finding("GPU compiler", $0) }
        ?? Finding("GPU compiler", compiler.reason, remedy: remedy(home: home)),
      Finding(
        "GPU products",
        products.map { "cuBLASLt, \($0)" }
          ?? "own kernels: training in bf16 is faster with cuBLASLt, which comes by \(remedy(home: home))"
      ),
    ]
  }
}
