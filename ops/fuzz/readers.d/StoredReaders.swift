// Readers of what other programs of ours have written: data sets, records of ranges, digests of blocks, entries of a
// cache. A worker, a store or a disk may be hostile or damaged.

import Files
import Images
import RunStore

extension Reader {
  /// Larger data sets are sound, and their labels take more memory than a run of the fuzzer may.
  private static let mostImages = 1 << 16

  /// A packed file, such as drawn images; or the line of a manifest, behind which the object of its first range begins.
  func dataset(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.first == UInt8(ascii: "{") else {
      return Self.use(try PackedDataSet(path: Self.path(of: bytes)))
    }
    let end = bytes.firstIndex(of: 10) ?? bytes.count
    let text = UnsafeRawBufferPointer(rebasing: bytes[..<end])
    let manifest = try DataSetManifest(parsing: text, path: "fuzz")
    _ = manifest.json
    guard manifest.count <= Self.mostImages else { return }
    let set = PackedDataSet(manifest, path: "fuzz")
    precondition(set.labels.count == set.count && set.range(of: set.count - 1) < set.ranges.count)
    let object = UnsafeRawBufferPointer(rebasing: bytes[min(end + 1, bytes.count)...])
    try set.open(range: 0, path: Self.path(of: object))
    Self.use(set)
  }

  private static func use(_ set: PackedDataSet) {
    precondition(set.labels.allSatisfy { $0 < set.classes.count })
    for image in 0..<set.count where set.ranges.isEmpty || set.range(of: image) == 0 {
      use(set.pixels(of: image))
    }
    if set.ranges.count < 2, set.count > 0 { try? set.verify() }
  }

  /// The record of a range, or the line of a listing, behind which the record stands that is put together by it.
  func record(_ bytes: UnsafeRawBufferPointer) throws {
    guard let end = bytes.firstIndex(of: 10), end + 1 < bytes.count else {
      _ = try RangeRecord(parsing: Array(bytes), path: "fuzz").json
      return
    }
    let listing = try IngestListing(parsing: Array(bytes[..<end]), path: "fuzz")
    let record = try RangeRecord(parsing: Array(bytes[(end + 1)...]), path: "fuzz")
    let made = try listing.assemble([record], skipLimit: 3)
    _ = (made.report.json, made.report.sentences, made.training.json)
  }

  /// Digests of blocks, and whether a file of those bytes has them.
  func blocks(_ bytes: UnsafeRawBufferPointer) throws {
    let digests = try BlockDigests(parsing: bytes, path: "fuzz")
    precondition(digests.encoded.elementsEqual(bytes))
    guard (1...1 << 22).contains(digests.size) else { return }
    let file = try MappedFile(Self.path(of: bytes, size: digests.size))
    for block in 0..<digests.blocks { _ = digests.fits(block, of: file) }
  }

  /// The file of a cache's entry.
  func journal(_ bytes: UnsafeRawBufferPointer) {
    let text = String(decoding: bytes, as: UTF8.self)
    _ = CacheRecord.reserved(text)
    guard let record = CacheRecord(parsing: text) else { return }
    precondition(CacheRecord(parsing: record.text) == record)
    _ = record.place(otherwise: "/nowhere")
  }
}
