// A listed source as a file: what one process has found out others need not look for.
//
// `PRASRC01`; the length of a JSON text, and the text; the number of images; 48 bytes for each image in their order; their
// names after each other. Numbers are little-endian.

import Digest
import Files
import FoundationEssentials

extension IngestJob {
  /// The name of a listing where it is kept: the version of its form, and the digest of a text that holds all on which it
  /// depends.
  package static func listingName(of text: String) -> String {
    "listing 1 \(SHA256.hexadecimal(of: Array(text.utf8)))"
  }
}

/// Everything about a source but its images.
private struct ListedFacts: Codable {
  let classes: [String]
  let layout: SourceLayout
  let ignored: IgnoredFiles
  let remarks: [String]
  /// Reasons why images have no label, by their numbers.
  let reasons: [Int: String]
}

extension SourceIndex {
  private static let magic = Array("PRASRC01".utf8)
  /// Lengths of name and label, archive, checksum, place, stored size, size, use, method, and nothing.
  private static let rowBytes = 48

  /// Writes the index.
  /// - Throws: `FileError`
  func write(to path: String) throws -> FileDigest {
    let file = try DurableFile(path, isHashed: true)
    var bytes = Self.magic
    func flush(above limit: Int) throws {
      guard bytes.count > limit else { return }
      try file.write(bytes)
      bytes.removeAll(keepingCapacity: true)
    }
    func append<T: FixedWidthInteger>(_ value: T) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    var reasons: [Int: String] = [:]
    for (i, image) in images.enumerated() {
      if let reason = wrongLabels[image.name.upperBound] { reasons[i] = reason }
    }
    let facts = Array(
      DataSetManifest.text(
        ListedFacts(
          classes: classes, layout: layout, ignored: ignored, remarks: remarks, reasons: reasons)
      ).utf8)
    append(UInt64(facts.count))
    bytes += facts
    append(UInt64(images.count))
    for image in images {
      append(UInt32(image.name.count))
      append(image.label)
      append(UInt32(image.file.archive))
      append(image.file.crc)
      for number in [image.file.place, image.file.stored, image.file.size] {
        append(UInt64(number))
      }
      append(UInt8(image.isValidation ? 1 : 0))
      append(image.file.method.rawValue)
      bytes += [UInt8](repeating: 0, count: 6)
      try flush(above: 1 << 20)
    }
    for image in images {
      bytes += names[image.name]
      try flush(above: 1 << 20)
    }
    try flush(above: 0)
    try file.commit()
    return file.digest!
  }

  /// Reads the index that another process has written of the same archives, by the same rules.
  /// - Throws: `FileError` for a file of another version, or one that does not fit the archives
  init(of sources: [SourceArchive], listed path: String) throws {
    let archives = try OpenArchives(sources)
    let file = try MappedFile(path)
    let reader = ByteReader(file.bytes, path: "listing of \(sources[0].name)")
    func damaged(_ what: String) -> FileError { FileError("\(reader.path): damaged: \(what)") }
    guard try reader.slice(0, 8).elementsEqual(Self.magic) else {
      throw FileError("\(reader.path): is none of this version")
    }
    let factBytes = try reader.int64(8)
    guard
      let facts = try? JSONDecoder().decode(
        ListedFacts.self, from: Data(try reader.slice(16, factBytes)))
    else { throw damaged("its facts do not read") }
    var at = 16 + factBytes
    let count = try reader.int64(at)
    at += 8
    guard count <= (reader.bytes.count - at) / Self.rowBytes else {
      throw damaged("\(count) images in \(reader.bytes.count) bytes")
    }
    var images: [Image] = []
    images.reserveCapacity(count)
    var end = 0
    for i in 0..<count {
      let row = at + i * Self.rowBytes
      let (use, method) = (reader.bytes[row + 40], reader.bytes[row + 41])
      let label = Int32(bitPattern: try reader.u32(row + 4))
      let start = end
      end += Int(try reader.u32(row))
      guard let method = StoredFile.Method(rawValue: method), use < 2, label >= -1,
        label < facts.classes.count
      else { throw damaged("image \(i)") }
      let stored = StoredFile(
        archive: Int(try reader.u32(row + 8)), place: try reader.int64(row + 16),
        stored: try reader.int64(row + 24), size: try reader.int64(row + 32),
        crc: try reader.u32(row + 12), method: method)
      guard archives.hold(stored) else { throw damaged("image \(i) lies outside of the archives") }
      var image = Image(
        name: start..<end, isValidation: use == 1, file: stored, isPlain: true, isNamed: true)
      image.label = label
      images.append(image)
    }
    at += count * Self.rowBytes
    guard reader.bytes.count - at == end else { throw damaged("its names do not fit") }
    var reasons: [Int: String] = [:]
    for (i, reason) in facts.reasons where images.indices.contains(i) {
      reasons[images[i].name.upperBound] = reason
    }
    self.init(
      images: images, classes: facts.classes, layout: facts.layout, ignored: facts.ignored,
      remarks: facts.remarks, wrongLabels: reasons, names: Array(try reader.slice(at, end)),
      archives: archives)
  }
}
