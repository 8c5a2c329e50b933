// The listing of a source: everything about an import but its pixels, as a small JSON file.

import Digest
import Files
import FoundationEssentials

/// The facts that every process finds which lists the same source for the same import.
package struct IngestListing: Codable, Sendable, Equatable {
  /// Name of the source in messages.
  let title: String
  let size: Int
  let channels: Int
  /// Number of images.
  package let images: Int
  let isSplit: Bool
  let layout: SourceLayout
  let classes: [String]
  let ignored: IgnoredFiles
  let remarks: [String]
  /// SHA-256 over name and class of each image in their order.
  let digest: String

  init(_ index: SourceIndex, title: String, _ options: Ingest.Options) {
    (self.title, size, channels) = (title, options.size, options.channels)
    images = index.images.count
    isSplit = options.validation != .none
    (layout, classes) = (index.layout, index.classes)
    (ignored, remarks, digest) = (index.ignored, index.remarks, index.digest)
  }

  package var json: String { DataSetManifest.text(self) }

  /// - Parameter path: name of the file in messages
  /// - Throws: `FileError`
  package init(parsing bytes: [UInt8], path: String) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw FileError("\(path): is no listing of a source of this version, or truncated")
    }
    guard (1...4096).contains(size), channels == 1 || channels == 3,
      (0...DataSetManifest.mostImages).contains(images)
    else {
      throw FileError(
        "\(path): damaged: \(images) images of \(size) x \(size) x \(channels)")
    }
  }

  /// Refuses more broken images than may be left out.
  func check(broken: Int, first: IngestReport.Skipped, _ limit: Int) throws {
    guard broken > limit else { return }
    throw FileError(
      "\(title): \(broken) broken \(broken == 1 ? "image" : "images"), more than skip_limit "
        + "\(limit); the first is '\(first.name)': \(first.reason)")
  }

  /// A whole import: the data sets, and the report on them.
  package struct Assembled {
    package let report: IngestReport
    package let training: DataSetManifest
    package let validation: DataSetManifest?
  }

  /// Puts ranges together, whoever has made them, into the same data set.
  /// - Parameter records: in any order
  /// - Throws: `FileError` if one is missing, or for a data set that would be empty
  package func assemble(_ records: [RangeRecord], skipLimit: Int) throws -> Assembled {
    let records = records.sorted { $0.first < $1.first }
    var end = 0
    for record in records {
      let labels = record.training.labels + (record.validation?.labels ?? [])
      guard labels.allSatisfy({ $0.label < classes.count }) else {
        throw FileError("\(title): the record of images from \(record.first) is of another source")
      }
      guard record.first == end else {
        throw FileError("\(title): images \(end) to \(record.first - 1) are in no range, or in two")
      }
      end = record.end
    }
    guard end == images else {
      throw FileError("\(title): \(end) of \(images) images are in ranges")
    }
    var report = IngestReport(
      layout: layout, classes: classes, hasValidation: isSplit, ignored: ignored, remarks: remarks)
    for record in records {
      report.add(record)
      if let first = report.skipped.first {
        try check(broken: report.skippedCount, first: first, skipLimit)
      }
    }
    guard report.training.images > 0 else {
      throw FileError(
        "\(title): "
          + (report.skipped.first.map {
            "every image is broken; the first is '\($0.name)': \($0.reason)"
          } ?? "no image is left to train on"))
    }
    let training = manifest(records.map(\.training), report.training)
    report.training.fingerprint = training.fingerprint
    guard let held = report.validation else {
      return Assembled(report: report, training: training, validation: nil)
    }
    guard held.images > 0 else {
      throw FileError(
        "\(title): no image is held out: its classes are smaller than data.validation asks for")
    }
    let validation = manifest(records.compactMap(\.validation), held)
    report.validation!.fingerprint = validation.fingerprint
    return Assembled(report: report, training: training, validation: validation)
  }

  private func manifest(_ packed: [PackedRange], _ split: IngestedSplit) -> DataSetManifest {
    var digest = DataSetFingerprint(size: size, channels: channels)
    for each in packed { digest.add(each.digests) }
    let counted = zip(classes, split.byClass).map { ClassCount(name: $0, images: $1) }
    return DataSetManifest(
      size: size, channels: channels, classes: counted, ranges: packed.compactMap(\.range),
      fingerprint: digest.root(counted))
  }
}
