// The import of a source, range by range.

import Files
import Raster
import Threads

/// A listed source whose ranges can be packed in any order, by any process.
package final class IngestJob {
  package let listing: IngestListing
  /// The ranges of image numbers, of equal length to one image.
  package let ranges: [Range<Int>]
  private let options: Ingest.Options
  private let index: SourceIndex

  /// Lists the images of the archives.
  /// - Parameters:
  ///   - sources: archives that are read as one source
  ///   - listed: a file of `writeListing` by a process with the same sources and options, which saves the looking
  /// - Throws: `FileError`
  package init(
    _ sources: [SourceArchive], options: Ingest.Options, listed: String? = nil
  ) throws {
    precondition(!sources.isEmpty, "IngestJob: no archives")
    self.options = options
    index =
      try listed.map { try SourceIndex(of: sources, listed: $0) }
      ?? SourceIndex(of: sources, rules: Self.rules(options, archives: sources.count))
    guard options.validation != .none || !index.images.contains(where: \.isValidation) else {
      throw FileError(
        "listing of \(sources[0].name): damaged: images are held out, and none were asked for")
    }
    ranges = Self.ranges(of: index.images.count, options)
    listing = IngestListing(index, title: sources[0].name, options)
  }

  /// Writes where each image lies, so that another process need not look for them: 48 bytes and the name of each.
  /// - Throws: `FileError`
  package func writeListing(to path: String) throws -> FileDigest { try index.write(to: path) }

  /// Number of images in the source.
  package var total: Int { index.images.count }

  private static func ranges(of images: Int, _ options: Ingest.Options) -> [Range<Int>] {
    let bytes = options.size * options.size * options.channels
    let most = max(1, min(options.rangeImages, options.rangeBytes / bytes))
    let count = max(1, (images + most - 1) / most, min(images, options.leastRanges))
    return (0..<count).map { $0 * images / count..<($0 + 1) * images / count }
  }

  /// Decodes the images of a range and writes their objects: `data-00012.packed` and, of a split,
  /// `validation-00012.packed`; none without images.
  /// - Parameters:
  ///   - brokenBefore: number of broken images in other ranges, which count towards `skipLimit`
  ///   - progress: called before each image with the images of earlier ranges and of this one that are done,
  ///     and the number of all; may throw to stop
  /// - Throws: `FileError`, or what `progress` throws; there is no object then
  package func pack(
    _ number: Int, in folder: String, brokenBefore: Int = 0,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> RangeRecord {
    let (index, options, range) = (index, options, ranges[number])
    func writer(_ what: String) -> RangeWriter {
      RangeWriter(
        "\(folder)/\(RangeRecord.name(what, number, "packed"))", size: options.size,
        channels: options.channels)
    }
    let training = writer("data")
    let validation = options.validation == .none ? nil : writer("validation")
    var skipped: [IngestReport.Skipped] = []
    var broken = 0
    var place = placeInClass(of: range.lowerBound)
    try OrderedWork.run(range, threads: options.threads) { i in
      Self.outcome(of: index.images[i], in: index, options)
    } consume: { i, outcome in
      try progress(i, total)
      let image = index.images[i]
      if image.label != place.label { place = (image.label, 0) }
      let isValidation = image.isValidation || options.validation.holdsOut(place.count)
      place.count += 1
      switch outcome {
      case .pixels(let pixels, let digest):
        try (isValidation ? validation! : training)
          .append(pixels, digest: digest, label: Int(image.label))
      case .changed(let error): throw error
      case .broken(let reason):
        broken += 1
        if skipped.count < IgnoredFiles.most {
          skipped.append(IngestReport.Skipped(name: index.name(of: image), reason: reason))
        }
        try listing.check(broken: brokenBefore + broken, first: skipped[0], options.skipLimit)
      }
    }
    return RangeRecord(
      number: number, of: ranges.count, images: range, training: try training.commit(),
      validation: try validation?.commit(), skipped: skipped, skippedCount: broken)
  }

  /// The class of an image, and the number of images of it before, as counted for the split.
  private func placeInClass(of image: Int) -> (label: Int32, count: Int) {
    guard image < total else { return (-2, 0) }
    let label = index.images[image].label
    var first = image
    while first > 0, index.images[first - 1].label == label { first -= 1 }
    return (label, image - first)
  }

  private static func outcome(
    of image: SourceIndex.Image, in index: SourceIndex, _ options: Ingest.Options
  ) -> Ingest.Outcome {
    guard image.label >= 0 else { return .broken(index.lackOfLabel(of: image)) }
    do {
      let picture = try index.withBytes(of: image) {
        try Picture(file: $0, channels: options.channels, ground: options.ground)
      }
      let pixels = picture.centerCropped(to: options.size).pixels
      return .pixels(pixels, digest: pixels.withUnsafeBytes(DataSetFingerprint.leaf))
    } catch let error as ChangedSource {
      return .changed(error)
    } catch {
      return .broken("\(error)")
    }
  }

  private static func rules(_ options: Ingest.Options, archives: Int) -> [SplitRule] {
    func parts(_ folder: String) -> [String] {
      folder.split(separator: "/").map(String.init).filter { $0 != "." }
    }
    let training = { (range: Range<Int>) in
      SplitRule(archives: range, folder: parts(options.folder), isValidation: false)
    }
    switch options.validation {
    case .none, .every, .share: return [training(0..<archives)]
    case .folder(let folder):
      return [
        SplitRule(archives: 0..<archives, folder: parts(folder), isValidation: true),
        training(0..<archives),
      ]
    case .archives(let last, let folder):
      let first = archives - last
      return [
        SplitRule(archives: first..<archives, folder: parts(folder), isValidation: true),
        training(0..<first),
      ]
    }
  }
}
