// Reads a file of weights in its own process, and prints how much memory that took.
//
//   read-weights FILE [NAME SIDE...]     every tensor, or one of a known shape
//
// Prints `error: ...` or `tensors: N`, then `peak: KiB`.

import Files
import Glibc
import TensorFiles

/// The largest resident memory of this program, not of its parent.
func peak() throws -> String {
  let file = fopen("/proc/self/status", "r")
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 256)
  while fgets(&line, 256, file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    if text.hasPrefix("VmHWM:") { return text.filter(\.isNumber) }
  }
  throw FileError("/proc/self/status: has no VmHWM")
}

let arguments = CommandLine.arguments
do {
  if arguments.count > 2 {
    _ = try WeightFiles(paths: [arguments[1]]).read(
      arguments[2], shape: arguments[3...].map { Int($0)! })
    print("tensors: 1")
  } else {
    let file = try WeightFiles.open(arguments[1])
    for name in file.names { _ = try file.read(name) }
    print("tensors: \(file.names.count)")
  }
} catch let error as FileError {
  print("error: \(error)")
}
print("peak: \(try peak())")
