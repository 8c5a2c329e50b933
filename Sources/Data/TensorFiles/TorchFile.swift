// Reading torch files (.pt, .pth): the zip layout of torch 1.6 and later, and the earlier one.

import Files

/// The tensors of a state dictionary written by torch.save.
///
/// Names lose what wrappers of a model add to them (`StateNames`). The state may stand under a key of the
/// dictionary, beside anything else (`TorchState`).
final class TorchFile: TensorSource {
  let path: String
  let names: [String]
  private let nodes: [PickleNode]
  private let tensors: [String: Int]
  /// Reads the storage with a given key.
  private let storage: (String, (UnsafeRawBufferPointer) throws -> [Float]) throws -> [Float]

  /// Larger than any state dictionary's pickle, as data lie outside of it.
  private static let largestPickle = 16 << 20

  private init(
    path: String, _ pickle: RestrictedPickle,
    storage: @escaping (String, (UnsafeRawBufferPointer) throws -> [Float]) throws -> [Float]
  ) throws {
    self.path = path
    nodes = pickle.nodes
    self.storage = storage
    tensors = try Self.stateDictionary(pickle, path)
    names = tensors.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// - Throws: `FileError`
  convenience init(zip archive: ZipArchive) throws {
    let path = archive.path
    guard let entry = archive.entries.first(where: { $0.name.hasSuffix("/data.pkl") }) else {
      throw FileError("\(path): holds no data.pkl")
    }
    let folder = entry.name.dropLast("data.pkl".count)
    if let order = archive.entry("\(folder)byteorder") {
      guard order.size <= 16 else {
        throw FileError("\(path): byteorder takes \(order.size) bytes, expected the word little")
      }
      let text = try archive.withBytes(order) { String(decoding: $0, as: UTF8.self) }
      guard text == "little" else {
        throw FileError("\(path): its numbers are \(text)-endian; little-endian ones are read")
      }
    }
    guard entry.size <= Self.largestPickle else {
      throw FileError("\(path): a pickle of \(entry.size) bytes; no weights have one")
    }
    let pickle = try archive.withBytes(entry) { try RestrictedPickle($0, path: path) }
    try self.init(path: path, pickle) { key, body in
      guard let data = archive.entry("\(folder)data/\(key)") else {
        throw FileError("\(path): holds no data/\(key)")
      }
      return try archive.withBytes(data, body)
    }
  }

  /// torch's magic number of the legacy layout, 0x1950a86a20f9469cfc6c.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// - Throws: `FileError`
  convenience init(legacy file: MappedFile) throws {
    let path = file.path
    var at = 0
    func next() throws -> RestrictedPickle {
      let rest = file.bytes[min(at, file.bytes.count)...].prefix(Self.largestPickle)
      let pickle = try RestrictedPickle(UnsafeRawBufferPointer(rebasing: rest), path: path)
      at += pickle.length
      return pickle
    }
    guard try next().longs == [Self.magic] else {
      throw FileError("\(path): is a pickle, but none that torch.save wrote")
    }
    _ = try next()  // protocol version
    _ = try next()  // sizes of C's types where it was written
    let pickle = try next()
    let order = try next()
    guard case .list(let keys) = order.nodes[order.root] else {
      throw FileError("\(path): damaged torch file: no list of storages")
    }
    let types = try Self.storages(pickle, path)
    var places: [String: Range<Int>] = [:]
    let bytes = ByteReader(file.bytes, path: path)
    for node in keys {
      guard case .text(let key) = order.nodes[node], let encoding = types[key] else {
        throw FileError("\(path): damaged torch file: a storage that no tensor uses")
      }
      let count = try bytes.int64(at)
      let (size, overflow) = count.multipliedReportingOverflow(by: encoding.size)
      guard !overflow else {
        throw FileError("\(path): storage \(key) claims \(count) elements")
      }
      _ = try bytes.slice(at + 8, size)
      places[key] = at + 8..<at + 8 + size
      at += 8 + size
    }
    try self.init(path: path, pickle) { key, body in
      guard let place = places[key] else { throw FileError("\(path): holds no storage \(key)") }
      return try withExtendedLifetime(file) {
        try body(UnsafeRawBufferPointer(rebasing: file.bytes[place]))
      }
    }
  }

  /// Element types, by key, of the storages that a pickle refers to.
  private static func storages(
    _ pickle: RestrictedPickle, _ path: String
  ) throws -> [String: ElementEncoding] {
    var types: [String: ElementEncoding] = [:]
    for node in pickle.nodes {
      guard case .persistent(let target) = node else { continue }
      let (key, encoding, _) = try storageRecord(target, pickle.nodes, path)
      guard let encoding else {
        throw FileError("\(path): storage \(key) has no element type")
      }
      types[key] = encoding
    }
    return types
  }

  /// Reads ('storage', torch.FloatStorage, key, location, elements, ...).
  private static func storageRecord(
    _ node: Int, _ nodes: [PickleNode], _ path: String
  ) throws -> (key: String, ElementEncoding?, count: Int) {
    guard case .tuple(let parts) = nodes[node], parts.count >= 5,
      case .text("storage") = nodes[parts[0]], case .global(_, let type) = nodes[parts[1]],
      case .text(let key) = nodes[parts[2]], case .integer(let count) = nodes[parts[4]], count >= 0
    else { throw FileError("\(path): damaged torch file: a storage that is none") }
    let encoding = ElementEncoding(storage: type)
    guard encoding != nil || type == "UntypedStorage" else {
      throw FileError("\(path): storage \(key) has the type \(type), which is not read")
    }
    return (key, encoding, count)
  }

  private static func stateDictionary(
    _ pickle: RestrictedPickle, _ path: String
  ) throws -> [String: Int] {
    let found = try TorchState(pickle, path: path).tensors
    for (key, _) in found where key.utf8.count > SafetensorsHeader.longestName {
      throw FileError("\(path): the name of a tensor has \(key.utf8.count) bytes")
    }
    let nodes = Dictionary(found) { _, last in last }
    return try StateNames(found.map(\.0), path: path).stored.mapValues { nodes[$0]! }
  }

  // MARK: tensors

  private struct Layout {
    let key: String
    let encoding: ElementEncoding
    let stored: Int
    let offset: Int
    let shape: [Int]
    let stride: [Int]
  }

  func shape(of name: String) throws -> [Int] { try layout(name).shape }

  func read(_ name: String) throws -> [Float] {
    let layout = try layout(name)
    guard let count = elementCount(layout.shape) else {
      throw damaged(name, "an impossible shape \(layout.shape)")
    }
    guard count > 0 else { return [] }
    // Weights are never views that repeat a few bytes by a stride of 0.
    guard count <= layout.stored else {
      throw damaged(name, "\(count) elements in a storage of \(layout.stored)")
    }
    var last = layout.offset
    for (side, step) in zip(layout.shape, layout.stride) {
      let (reach, overflow) = (side - 1).multipliedReportingOverflow(by: step)
      let (sum, overflow2) = last.addingReportingOverflow(reach)
      guard step >= 0, !overflow, !overflow2 else { throw damaged(name, "an impossible stride") }
      last = sum
    }
    return try storage(layout.key) { bytes in
      let held = bytes.count / layout.encoding.size
      guard count <= held else {
        throw damaged(name, "\(count) elements in a storage of \(held)")
      }
      guard last < held else { throw damaged(name, "element \(last) in a storage of \(held)") }
      var index = [Int](repeating: 0, count: layout.shape.count)
      var at = layout.offset
      return (0..<count).map { _ in
        let value = layout.encoding.value(bytes, at)
        // Advances to the next position in row-major order.
        for axis in layout.shape.indices.reversed() {
          index[axis] += 1
          at += layout.stride[axis]
          if index[axis] < layout.shape[axis] { break }
          at -= layout.stride[axis] * layout.shape[axis]
          index[axis] = 0
        }
        return value
      }
    }
  }

  private func damaged(_ name: String, _ what: String) -> FileError {
    FileError("\(path): tensor '\(name)' claims \(what)")
  }

  private func layout(_ name: String) throws -> Layout {
    guard let node = tensors[name] else {
      throw FileError("\(path): holds no tensor '\(name)'; it has \(names.count) others")
    }
    guard case .tensor(let storage, let offset, let shape, let stride, let dtype) = nodes[node],
      case .persistent(let target) = nodes[storage], case .integer(let offset) = nodes[offset],
      offset >= 0, let shape = integers(shape), let stride = integers(stride),
      shape.count == stride.count, shape.count <= 16
    else { throw damaged(name, "a layout that is none") }
    let (key, typed, count) = try Self.storageRecord(target, nodes, path)
    if let typed {
      return Layout(
        key: key, encoding: typed, stored: count, offset: offset, shape: shape, stride: stride)
    }
    guard let dtype, case .global("torch", let type) = nodes[dtype],
      let encoding = ElementEncoding(dtype: type)
    else { throw damaged(name, "a storage without a type that is read") }
    return Layout(
      key: key, encoding: encoding, stored: count / encoding.size, offset: offset, shape: shape,
      stride: stride)
  }

  private func integers(_ node: Int) -> [Int]? {
    guard case .tuple(let parts) = nodes[node] else { return nil }
    let values = parts.compactMap { part -> Int? in
      if case .integer(let value) = nodes[part] { value } else { nil }
    }
    return values.count == parts.count ? values : nil
  }
}
