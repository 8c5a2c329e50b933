// Writing safetensors: model.md section 8.

import Files

/// A tensor to be written; its elements must live until `write` returns.
package struct NamedTensor {
  package let name: String
  package let shape: [Int]
  /// Gives the elements to a function: float32, little-endian, row-major; they need not be aligned.
  let withBytes: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

  package init(name: String, shape: [Int], elements: UnsafeBufferPointer<Float>) {
    self.init(name: name, shape: shape) { try $0(UnsafeRawBufferPointer(elements)) }
  }

  package init(
    name: String, shape: [Int],
    withBytes: @escaping (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) {
    (self.name, self.shape, self.withBytes) = (name, shape, withBytes)
  }

  var byteCount: Int { shape.reduce(4, *) }
}

package enum SafetensorsWriter {
  /// Writes float32 tensors in bytewise order of their names. Equal tensors give equal bytes. The
  /// file appears under its name when it is complete and on disk; its data begin at a multiple of
  /// eight bytes.
  /// - Throws: `FileError`
  @discardableResult
  package static func write(
    path: String, tensors: [NamedTensor], metadata: [String: String] = [:]
  ) throws -> FileDigest {
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
      let end = offset + tensor.byteCount
      members.append(
        "\(JSONText.string(tensor.name)):{\"dtype\":\"F32\",\"shape\":["
          + tensor.shape.map(String.init).joined(separator: ",")
          + "],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header += [UInt8](repeating: 32, count: (8 - header.count % 8) % 8)

    let file = try DurableFile(path, isHashed: true)
    try file.write(withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) })
    try file.write(header)
    for tensor in sorted {
      try tensor.withBytes { bytes in
        precondition(
          bytes.count == tensor.byteCount,
          "NamedTensor: '\(tensor.name)' of shape \(tensor.shape) with \(bytes.count) bytes")
        try file.write(bytes)
      }
    }
    try file.commit()
    return file.digest!
  }

  /// Writes the tensors of several float32 files into one, each file's names behind a prefix,
  /// without keeping any in memory.
  /// - Returns: size and SHA-256 of the file
  /// - Throws: `FileError` naming a tensor of another type
  package static func merge(
    _ parts: [(prefix: String, file: SafetensorsFile)], to path: String,
    metadata: [String: String]
  ) throws -> FileDigest {
    try withExtendedLifetime(parts) {
      let tensors = try parts.flatMap { part in
        try part.file.names.map { name in
          let bytes = try part.file.float32Bytes(of: name)
          return NamedTensor(name: part.prefix + name, shape: try part.file.shape(of: name)) {
            try $0(bytes)
          }
        }
      }
      return try write(path: path, tensors: tensors, metadata: metadata)
    }
  }
}
