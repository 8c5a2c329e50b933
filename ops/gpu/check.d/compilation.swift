// The compilation of all kernels for GPUs that need not be here.

import CCUDA
import CKernels

/// The resources of a kernel, as the assembler reports them.
private struct Resources {
  var kernel = ""
  var type = ""
  var registers = 0
  var spilled = 0
  var shared = 0
}

/// The reports of a compiler's log.
private func resources(in log: String, type: String) -> [Resources] {
  var all: [Resources] = []
  for line in log.split(separator: "\n") {
    if let match = line.firstMatch(of: /entry function '([a-z0-9_]+)_kernel'/) {
      all.append(Resources(kernel: String(match.1), type: type))
    }
    guard !all.isEmpty else { continue }
    if let match = line.firstMatch(of: /([0-9]+) bytes spill stores/) {
      all[all.count - 1].spilled = Int(match.1)!
    }
    if let match = line.firstMatch(of: /Used ([0-9]+) registers/) {
      all[all.count - 1].registers = Int(match.1)!
    }
    if let match = line.firstMatch(of: /([0-9]+) bytes smem/) {
      all[all.count - 1].shared = Int(match.1)!
    }
  }
  return all
}

private final class Reports { var all: [Resources] = [] }

/// Compiles all kernels by the NVRTC that is found, and prints a row for each.
/// - Returns: the exit code: 69 without NVRTC
func compileKernels(_ architecture: String, into folder: String) -> Int32 {
  var why = [CChar](repeating: 0, count: 65536)
  var path = [CChar](repeating: 0, count: 4096)
  func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
  guard cuda_compiler_version(&path, path.count, &why, why.count) > 0 else {
    print("no NVRTC: \(text(why))")
    return 69
  }
  let reports = Reports()
  let done = cuda_compile_all(
    architecture, folder,
    { context, _, type, log in
      let reports = Unmanaged<Reports>.fromOpaque(context!).takeUnretainedValue()
      reports.all += resources(in: String(cString: log!), type: String(cString: type!))
    }, Unmanaged.passUnretained(reports).toOpaque(), &why, why.count)
  guard done else {
    print(text(why))
    return 1
  }
  for row in reports.all.sorted(by: { ($0.kernel, $0.type) < ($1.kernel, $1.type) }) {
    print(
      "\(row.kernel) \(row.type) \(architecture) registers \(row.registers) spilled \(row.spilled) "
        + "shared \(row.shared)")
  }
  return 0
}
