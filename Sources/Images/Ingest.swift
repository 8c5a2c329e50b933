// From a tar of class folders to a packed data set: pipeline.md section 8.

import Files
import Raster

/// What an import made, and what it left out.
package struct IngestReport: Sendable, Equatable {
  package struct Skipped: Sendable, Equatable {
    package let name: String
    package let reason: String
  }

  package let images: Int
  /// Classes by number with their imported images.
  package let classes: [(name: String, images: Int)]
  package let skipped: [Skipped]
  /// Files without a class folder, hidden ones, and those whose names are not of images.
  package let ignored: [String]
  package let fingerprint: String

  package static func == (a: IngestReport, b: IngestReport) -> Bool {
    a.images == b.images && a.skipped == b.skipped && a.ignored == b.ignored
      && a.fingerprint == b.fingerprint && a.classes.elementsEqual(b.classes, by: ==)
  }
}

extension IngestReport {
  /// The report as a JSON object, keys sorted.
  package var json: String {
    let classes = classes.map { "{\"images\":\($0.images),\"name\":\(JSONText.string($0.name))}" }
    let skipped = skipped.map {
      "{\"name\":\(JSONText.string($0.name)),\"reason\":\(JSONText.string($0.reason))}"
    }
    return "{\"classes\":[\(classes.joined(separator: ","))],\"fingerprint\":\"\(fingerprint)\","
      + "\"ignored\":[\(ignored.map(JSONText.string).joined(separator: ","))],"
      + "\"images\":\(images),\"skipped\":[\(skipped.joined(separator: ","))]}\n"
  }
}

package enum Ingest {
  package struct Options: Sendable {
    /// Side of the square images, pixels.
    package let size: Int
    /// 1 (gray) or 3 (RGB).
    package let channels: Int
    /// Broken images that may be left out.
    package let skipLimit: Int

    package init(size: Int, channels: Int, skipLimit: Int = 0) {
      precondition(size > 0 && (channels == 1 || channels == 3), "Ingest: \(size), \(channels)")
      (self.size, self.channels, self.skipLimit) = (size, channels, skipLimit)
    }
  }

  /// Reads an archive whose first name components are the classes and writes the packed file.
  ///
  /// Classes are numbered bytewise by name, images bytewise by class and path (model.md section 6).
  /// - Parameter progress: images done and their number; may throw to stop
  /// - Throws: `FileError`, or what `progress` throws; nothing is written then
  package static func run(
    source: String, to path: String, options: Options,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> IngestReport {
    let reader = try TarReader(source)
    let contents = try Contents(of: reader, source: source)
    let writer = try PackedDataSetWriter(path, size: options.size, channels: options.channels)
    var skipped: [IngestReport.Skipped] = []
    var counts = [Int](repeating: 0, count: contents.classes.count)
    for (done, image) in contents.images.enumerated() {
      try progress(done, contents.images.count)
      do {
        let picture = try Picture(png: reader.bytes(in: image.range), channels: options.channels)
        try writer.append(picture.centerCropped(to: options.size).pixels, label: image.label)
        counts[image.label] += 1
      } catch let error as PNGError {
        skipped.append(IngestReport.Skipped(name: image.name, reason: "\(error)"))
        guard skipped.count <= options.skipLimit else {
          let first = skipped[0]
          throw FileError(
            "\(source): \(skipped.count) broken "
              + "\(skipped.count == 1 ? "image" : "images"), more than skip_limit "
              + "\(options.skipLimit); the first is '\(first.name)': \(first.reason)")
        }
      }
    }
    guard writer.count > 0 else { throw FileError("\(source): every image is broken") }
    let fingerprint = try writer.commit(classes: contents.classes)
    try progress(contents.images.count, contents.images.count)
    return IngestReport(
      images: writer.count, classes: Array(zip(contents.classes, counts)).map { ($0, $1) },
      skipped: skipped, ignored: contents.ignored, fingerprint: fingerprint)
  }

  /// File endings that are taken for images; what the bytes are decides.
  private static let endings = [".png", ".jpg", ".jpeg"]

  /// The archive's images in the order of their numbers.
  private struct Contents {
    struct Image {
      let name: String
      let label: Int
      let range: Range<Int>
    }

    let classes: [String]
    let images: [Image]
    let ignored: [String]

    init(of reader: TarReader, source: String) throws {
      var names: Set<String> = []
      var found: [(name: String, folder: String, range: Range<Int>)] = []
      var ignored: [String] = []
      var seen: Set<String> = []
      while let entry = try reader.next() {
        let parts = entry.name.utf8.split(separator: UInt8(ascii: "/")).map { String($0)! }
        let isHidden = parts.contains { $0.hasPrefix(".") }
        if entry.isFolder {
          if !isHidden, let first = parts.first { names.insert(first) }
          continue
        }
        let lower = entry.name.lowercased()
        guard parts.count > 1, !isHidden, Ingest.endings.contains(where: lower.hasSuffix) else {
          ignored.append(entry.name)
          continue
        }
        guard seen.insert(entry.name).inserted else {
          throw FileError("\(source): holds '\(entry.name)' twice; keep one")
        }
        names.insert(parts[0])
        found.append((entry.name, parts[0], reader.range))
      }
      guard !found.isEmpty else {
        throw FileError(
          "\(source): holds no images; expected a folder for each class with PNG files in it")
      }
      let classes = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      let numbers = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
      images = found.map { Image(name: $0.name, label: numbers[$0.folder]!, range: $0.range) }
        .sorted {
          $0.label != $1.label
            ? $0.label < $1.label : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
      self.classes = classes
      self.ignored = ignored
    }
  }
}
