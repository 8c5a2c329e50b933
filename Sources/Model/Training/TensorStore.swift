// Reads and writes tensors as safetensors files.

import Files
import Tensor
import TensorFiles

/// A file lacks a tensor, or has it in another shape.
package struct TensorFileMismatch: BadInput, CustomStringConvertible {
  package let description: String
}

/// Writes float32 tensors under their names; the file appears whole or not at all.
/// - Throws: `BrokenWeights` if one of them is not finite: nobody could go on from them
func writeTensors(
  _ tensors: [(name: String, value: Tensor)], to path: String, step: Int
) throws -> FileDigest {
  try SafetensorsWriter.write(
    path: path,
    tensors: tensors.map { name, value in
      precondition(value.type == .float32, "checkpoints hold float32")
      return NamedTensor(name: name, shape: value.shape) { write in
        try value.readOnHost { values in
          guard areFinite(values) else {
            let file = path.split(separator: "/").last!
            throw BrokenWeights(what: "\(name) in \(file) of step \(step) is not finite")
          }
          try write(UnsafeRawBufferPointer(values))
        }
      }
    }, metadata: ["format": "pt", "step": String(step)])
}

/// Whether all numbers are finite. The loop has no way out, so that it becomes one of vectors.
private func areFinite(_ values: UnsafeBufferPointer<Float>) -> Bool {
  var largest: UInt32 = 0
  for value in values { largest = max(largest, value.bitPattern & 0x7FFF_FFFF) }
  return largest < 0x7F80_0000  // the exponent of infinity and of NaN, IEEE 754
}

/// Reads tensors of the given shapes. Every tensor must be there, and no other.
func readTensors(
  _ path: String, like wanted: [(name: String, value: Tensor)]
) throws -> [Tensor] {
  let file = try SafetensorsFile(path: path)
  let known = Set(wanted.map(\.name))
  if let stranger = file.names.first(where: { !known.contains($0) }) {
    throw TensorFileMismatch(
      description: "\(path): holds \(stranger), which this model does not have")
  }
  return try wanted.map { name, like in
    guard file.names.contains(name) else {
      throw TensorFileMismatch(description: "\(path): lacks \(name)")
    }
    let shape = try file.shape(of: name)
    guard shape == like.shape else {
      throw TensorFileMismatch(
        description: "\(path): \(name) has shape \(shape), expected \(like.shape)")
    }
    let values = try file.read(name)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw TensorFileMismatch(
        description: "\(path): element \(bad) of \(name) is \(values[bad]); weights are finite")
    }
    return Tensor(values, shape, type: like.type, on: like.device)
  }
}
