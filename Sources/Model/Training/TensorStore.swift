// Reads and writes tensors as safetensors files.

import Files
import Tensor
import TensorFiles

/// A file lacks a tensor, or has it in another shape.
package struct TensorFileMismatch: BadInput, CustomStringConvertible {
  package let description: String
}

/// Writes float32 tensors under their names; the file appears whole or not at all.
/// - Parameter whole: gives all numbers of a tensor when it is its turn
/// - Throws: `BrokenWeights` if one of them is not finite: nobody could go on from them
func writeTensors(
  _ tensors: [StateTensor], to path: String, step: Int,
  whole: @escaping (StateTensor) throws -> Tensor = { $0.value }
) throws -> FileDigest {
  try SafetensorsWriter.write(
    path: path,
    tensors: tensors.map { tensor in
      let name = tensor.name
      precondition(tensor.value.type == .float32, "checkpoints hold float32")
      return NamedTensor(name: name, shape: tensor.shape) { write in
        try whole(tensor).readOnHost { values in
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

/// Reads tensors of the given shapes, and returns of each what is kept here. Every tensor must be there, and no other.
func readTensors(
  _ path: String, like wanted: [StateTensor]
) throws -> [Tensor] {
  let file = try SafetensorsFile(path: path)
  let known = Set(wanted.map(\.name))
  if let stranger = file.names.first(where: { !known.contains($0) }) {
    throw TensorFileMismatch(
      description: "\(path): holds \(stranger), which this model does not have")
  }
  return try wanted.map { tensor in
    let (name, like) = (tensor.name, tensor.value)
    guard file.names.contains(name) else {
      throw TensorFileMismatch(description: "\(path): lacks \(name)")
    }
    let shape = try file.shape(of: name)
    guard shape == tensor.shape else {
      throw TensorFileMismatch(
        description: "\(path): \(name) has shape \(shape), expected \(tensor.shape)")
    }
    let values = try file.read(name)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw TensorFileMismatch(
        description: "\(path): element \(bad) of \(name) is \(values[bad]); weights are finite")
    }
    let kept = tensor.part.map { Array(values[$0]) } ?? values
    return Tensor(kept, like.shape, type: like.type, on: like.device)
  }
}
