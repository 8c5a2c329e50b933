// Writing safetensors: model.md section 8.

import Files

/// A tensor to be written: its elements must live until `write` returns.
package struct NamedTensor {
  package let name: String
  package let shape: [Int]
  package let elements: UnsafeBufferPointer<Float>

  package init(name: String, shape: [Int], elements: UnsafeBufferPointer<Float>) {
    precondition(
      shape.reduce(1, *) == elements.count,
      "NamedTensor: '\(name)' of shape \(shape) with \(elements.count) elements")
    self.name = name
    self.shape = shape
    self.elements = elements
  }
}

package enum SafetensorsWriter {
  /// Writes float32 tensors in bytewise order of their names. Equal tensors give equal bytes. The
  /// file appears under its name when it is complete and on disk; its data begin at a multiple of
  /// eight bytes.
  /// - Throws: `FileError`
  package static func write(
    path: String, tensors: [NamedTensor], metadata: [String: String] = [:]
  ) throws {
    let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var members: [String] = []
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(JSONText.string($0.key)):\(JSONText.string($0.value))" }
      members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
    }
    var offset = 0
    for (i, tensor) in sorted.enumerated() {
      precondition(
        tensor.name != "__metadata__" && (i == 0 || sorted[i - 1].name != tensor.name),
        "SafetensorsWriter: the name '\(tensor.name)' is reserved or given twice")
      let end = offset + tensor.elements.count * 4
      members.append(
        "\(JSONText.string(tensor.name)):{\"dtype\":\"F32\",\"shape\":["
          + tensor.shape.map(String.init).joined(separator: ",")
          + "],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 32, count: (8 - header.count % 8) % 8)

    let file = try DurableFile(path)
    try file.write(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) })
    try file.write(header)
    for tensor in sorted { try file.write(UnsafeRawBufferPointer(tensor.elements)) }
    try file.commit()
  }
}
