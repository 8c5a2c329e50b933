// Reading safetensors: model.md section 8.

import Files

/// An open safetensors file. Opening checks the whole header; data are read on demand.
package final class SafetensorsFile {
  package let path: String
  /// Names of the tensors, bytewise sorted.
  package let names: [String]
  /// The texts of `__metadata__`.
  package let metadata: [String: String]
  private let file: MappedFile
  private let tensors: [String: TensorRecord]
  private let dataStart: Int

  /// Larger headers are refused, as by the format's reference implementation.
  private static let largestHeader = 100_000_000

  /// - Throws: `FileError` naming file and tensor
  package init(path: String) throws {
    self.path = path
    file = try MappedFile(path)
    guard file.bytes.count >= 8 else {
      throw FileError("\(path): \(file.bytes.count) bytes are no safetensors file; it is truncated")
    }
    let length = UInt64(littleEndian: file.bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(min(Self.largestHeader, file.bytes.count - 8)) else {
      throw FileError(
        "\(path): truncated or no safetensors file: a header of \(length) bytes in a file of "
          + "\(file.bytes.count)")
    }
    dataStart = 8 + Int(length)
    let header = try SafetensorsHeader(
      path: path, bytes: UnsafeRawBufferPointer(rebasing: file.bytes[8..<dataStart]),
      dataSize: file.bytes.count - dataStart)
    tensors = header.tensors
    metadata = header.metadata
    names = tensors.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// - Throws: `FileError` if the file has no such tensor
  package func shape(of name: String) throws -> [Int] { try record(name).shape }

  /// Copies a tensor's elements, as float32.
  /// - Throws: `FileError` if there is no such tensor, if its type is not read, or if the number of
  ///   elements differs
  package func read(_ name: String, into target: UnsafeMutableBufferPointer<Float>) throws {
    let record = try record(name)
    let type = try type(of: record, name)
    let count = record.range.count / type.size
    guard target.count == count else {
      throw FileError(
        "\(path): tensor '\(name)' has \(count) elements in shape \(record.shape), "
          + "\(target.count) are expected")
    }
    let start = dataStart + record.range.lowerBound
    let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + record.range.count])
    switch type {
    case .float32:
      UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
    case .float64:
      for i in 0..<count {
        target[i] = Float(bytes.loadUnaligned(fromByteOffset: i * 8, as: Double.self))
      }
    case .float16:
      for i in 0..<count {
        target[i] = Float(bytes.loadUnaligned(fromByteOffset: i * 2, as: Float16.self))
      }
    case .bfloat16:
      for i in 0..<count {
        let half = bytes.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)
        target[i] = Float(bitPattern: UInt32(half) << 16)
      }
    }
  }

  /// A tensor's elements, as float32.
  /// - Throws: `FileError`
  package func read(_ name: String) throws -> [Float] {
    let record = try record(name)
    let count = record.range.count / (try type(of: record, name)).size
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
      initialized = count
    }
  }

  /// A float32 tensor's bytes, not copied; valid while this object lives.
  func float32Bytes(of name: String) throws -> UnsafeRawBufferPointer {
    let record = try record(name)
    guard record.type == .float32 else {
      throw FileError("\(path): tensor '\(name)' has type \(record.typeName), expected F32")
    }
    let start = dataStart + record.range.lowerBound
    return UnsafeRawBufferPointer(rebasing: file.bytes[start..<start + record.range.count])
  }

  private func type(of record: TensorRecord, _ name: String) throws -> StoredType {
    guard let type = record.type else {
      throw FileError(
        "\(path): tensor '\(name)' has type \(record.typeName); F32, F64, F16 and BF16 are read")
    }
    return type
  }

  private func record(_ name: String) throws -> TensorRecord {
    guard let record = tensors[name] else {
      throw FileError("\(path): holds no tensor '\(name)'; it has \(names.count) others")
    }
    return record
  }
}
