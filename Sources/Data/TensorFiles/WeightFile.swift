// Files of named tensors in the formats in which weights are published.

import Files

/// Named tensors that are read one by one, as float32.
package protocol TensorSource {
  var path: String { get }
  /// Names in bytewise order.
  var names: [String] { get }
  /// - Throws: `FileError` if there is no such tensor
  func shape(of name: String) throws -> [Int]
  /// A tensor's elements, row-major.
  /// - Throws: `FileError`
  func read(_ name: String) throws -> [Float]
  /// The texts of safetensors' `__metadata__`; none in other layouts.
  var metadata: [String: String] { get }
}

extension TensorSource {
  package var metadata: [String: String] { [:] }
}

extension SafetensorsFile: TensorSource {}

/// The tensors of several files together, as weights may be published in parts.
package struct WeightFiles {
  private let sources: [any TensorSource]

  /// - Throws: `FileError` that names the file
  package init(paths: [String]) throws {
    sources = try paths.map(Self.open)
  }

  /// Opens a safetensors file, an npz archive, or a torch file of the zip or the legacy layout,
  /// recognized by its first bytes. Names lose what wrappers of a model add to them.
  package static func open(_ path: String) throws -> any TensorSource {
    let file = try MappedFile(path)
    let start = Array(file.bytes.prefix(16))
    if start.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
      let archive = try ZipArchive(file)
      return archive.entries.contains { $0.name.hasSuffix("/data.pkl") }
        ? try TorchFile(zip: archive) : try UnwrappedTensors(NumpyArchive(archive))
    }
    if start.starts(with: [0x80, 0x02, 0x8A, 0x0A]) { return try TorchFile(legacy: file) }
    if start.count > 8, start[8] == UInt8(ascii: "{") {
      return try UnwrappedTensors(SafetensorsFile(path: path))
    }
    if let remark = Compression.remark(on: file.bytes) { throw FileError("\(path): \(remark)") }
    throw FileError(
      "\(path): is neither safetensors, npz, nor a torch file (.pt, .pth) of the zip or the legacy "
        + "layout")
  }

  /// Reads a tensor from the one file that has it.
  /// - Throws: `FileError` naming tensor and files
  package func read(_ name: String, shape: [Int]) throws -> [Float] {
    let holders = sources.filter { $0.names.contains(name) }
    let paths = sources.map(\.path).joined(separator: ", ")
    guard let holder = holders.first else {
      throw FileError("\(paths): no tensor '\(name)'; it is needed")
    }
    guard holders.count == 1 else {
      throw FileError("\(paths): tensor '\(name)' is in several of them; name one")
    }
    let found = try holder.shape(of: name)
    guard found == shape else {
      throw FileError("\(holder.path): tensor '\(name)' has shape \(found), expected \(shape)")
    }
    let values = try holder.read(name)
    if let bad = values.firstIndex(where: { !$0.isFinite }) {
      throw FileError("\(holder.path): element \(bad) of tensor '\(name)' is \(values[bad])")
    }
    return values
  }
}
