// Every reader of untrusted files as a function of bytes, which may throw but not trap.

import Files
import Glibc
import Images
import Raster
import TensorFiles

enum Reader: String, CaseIterable {
  case jpeg, png, tar, zip, source, weights, dataset, record, blocks, journal

  /// Reads the bytes completely as a file of its format. Errors are expected.
  func read(_ bytes: UnsafeRawBufferPointer) {
    switch self {
    case .jpeg: picture(bytes)
    case .png: Self.mended(bytes, Self.mendPNG, picture)
    case .tar: Self.mended(bytes, Self.mendTar) { try? tar($0) }
    case .zip: try? zip(bytes)
    case .source: Self.mended(bytes, Self.mendTar) { try? source($0) }
    case .weights: try? weights(bytes)
    case .dataset: try? dataset(bytes)
    case .record: try? record(bytes)
    case .blocks: try? blocks(bytes)
    case .journal: journal(bytes)
    }
  }

  private func picture(_ bytes: UnsafeRawBufferPointer) {
    for channels in [1, 3] {
      _ = try? Picture(file: bytes, channels: channels, mostPixels: 1 << 18).centerCropped(to: 8)
    }
  }

  private func tar(_ bytes: UnsafeRawBufferPointer) throws {
    let reader = try TarReader(Self.path(of: bytes))
    var count = 0
    try reader.forEachFile { name, range in
      if let range { Self.use(reader.bytes(in: range)) }
      precondition(!name.hasPrefix("/") && !name.split(separator: "/").contains(".."))
      count += 1
      // Links may repeat many folders of large files.
      if count > 1000 { throw FileError("enough") }
    }
  }

  private func zip(_ bytes: UnsafeRawBufferPointer) throws {
    let file = try MappedFile(Self.path(of: bytes))
    var entries: [ZipArchive.Entry] = []
    try ZipArchive.forEachFile(of: file, called: "fuzz") { name, entry in
      precondition(!name.hasPrefix("/") && !name.split(separator: "/").contains(".."))
      if let entry { entries.append(entry) }
      if entries.count > 1000 { throw FileError("enough") }
    }
    for entry in entries {
      try? ZipArchive.withBytes(of: entry, in: file, called: "fuzz", most: 1 << 20) {
        precondition($0.count == entry.size)
        Self.use($0)
      }
    }
  }

  private func source(_ bytes: UnsafeRawBufferPointer) throws {
    var options = Ingest.Options(size: 4, channels: 3, skipLimit: 1_000_000)
    options.validation = .every(3)
    let job = try IngestJob(
      [SourceArchive(path: Self.path(of: bytes), name: "fuzz")], options: options)
    precondition(job.total > 0)
  }

  private func weights(_ bytes: UnsafeRawBufferPointer) throws {
    let file = try WeightFiles.open(Self.path(of: bytes))
    for name in file.names {
      let shape = try file.shape(of: name)
      guard let values = try? file.read(name) else { continue }
      precondition(values.count == shape.reduce(1, *))
    }
  }

  // MARK: details

  /// A file without a name, in memory.
  private static let descriptor: Int32 = {
    var name = Array("/dev/shm/pra-fuzz-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    unlink(name)
    return descriptor
  }()

  /// A file of these bytes, with zeros behind them up to a size.
  static func path(of bytes: UnsafeRawBufferPointer, size: Int? = nil) -> String {
    precondition(ftruncate(descriptor, off_t(size ?? bytes.count)) == 0)
    let bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(size ?? bytes.count))
    precondition(pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count)
    return "/proc/self/fd/\(descriptor)"
  }

  nonisolated(unsafe) private static var sum: UInt8 = 0

  static func use(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes { sum &+= byte }
  }

  /// Corrects checksums if the last byte is odd, since a mutation rarely matches one.
  private static func mended(
    _ bytes: UnsafeRawBufferPointer, _ mend: (inout [UInt8]) -> Void,
    _ read: (UnsafeRawBufferPointer) -> Void
  ) {
    guard let last = bytes.last, last & 1 == 1 else { return read(bytes) }
    var changed = Array(bytes)
    mend(&changed)
    changed.withUnsafeBytes(read)
  }

  private static func mendTar(_ bytes: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count - 511, by: 512) {
      let header = start..<start + 512
      guard bytes[header].contains(where: { $0 != 0 }) else { continue }
      var sum = 8 * 32
      for i in header where !(start + 148..<start + 156).contains(i) { sum += Int(bytes[i]) }
      for digit in 0..<6 { bytes[start + 153 - digit] = UInt8(48 + sum >> (3 * digit) & 7) }
      (bytes[start + 154], bytes[start + 155]) = (0, 32)
    }
  }

  private static func mendPNG(_ bytes: inout [UInt8]) {
    var at = 8
    while at + 12 <= bytes.count {
      let length = (0..<4).reduce(0) { $0 << 8 | Int(bytes[at + $1]) }
      guard length <= bytes.count - at - 12 else { return }
      let check = CRC32.zip.value(of: Array(bytes[at + 4..<at + 8 + length]))
      for i in 0..<4 { bytes[at + 8 + length + i] = UInt8(check >> (24 - 8 * i) & 255) }
      at += 12 + length
    }
  }
}
