// Makes packed data sets from archives of images; decision 0060 has the rules.

import CResampling
import Files
import Raster

package enum Ingest {
  package struct Options: Sendable {
    /// Side of the square images in pixels.
    package let size: Int
    /// 1 (gray) or 3 (RGB).
    package let channels: Int
    /// Number of broken images that may be left out.
    package let skipLimit: Int
    /// Folder of the archives, components joined by `/`, to which reading is limited; empty for
    /// all.
    package var folder = ""
    package var validation = Validation.none
    /// Number of threads that decode; the result is the same bytes for any number.
    package var threads = 1

    package init(size: Int, channels: Int, skipLimit: Int = 0) {
      precondition(size > 0 && (channels == 1 || channels == 3), "Ingest: \(size), \(channels)")
      (self.size, self.channels, self.skipLimit) = (size, channels, skipLimit)
    }
  }

  /// The images that are held out.
  package enum Validation: Sendable, Equatable {
    case none
    /// Every n-th image of each class.
    case every(Int)
    /// A share of each class, spread evenly.
    case share(Double)
    /// All images below this folder of the archives.
    case folder(String)
    /// The images of the last archives, below a folder of these or all.
    case archives(Int, folder: String)

    /// Whether image `i` of a class is held out, counted from 0 in the order of the data set.
    func holdsOut(_ i: Int) -> Bool {
      switch self {
      case .none, .folder, .archives: false
      case .every(let n): i % n == n - 1
      case .share(let share):
        (Double(i + 1) * share).rounded(.down) > (Double(i) * share).rounded(.down)
      }
    }
  }

  /// The result of one image.
  package enum Outcome: Sendable, Equatable {
    /// [size, size, channels]
    case pixels([UInt8])
    case broken(String)
  }
}

/// An import in progress; its results so far can be saved and replayed by another process.
package final class IngestJob {
  private let title: String
  private let options: Ingest.Options
  private let index: SourceIndex
  private let training: PackedDataSetWriter
  private let validation: PackedDataSetWriter?
  private var report: IngestReport
  /// Number of images so far of the class met last, as counted for the split.
  private var place = (label: Int32(-2), count: 0)
  /// Number of images done.
  package private(set) var done = 0

  /// Lists the images of the archives and begins the packed files.
  /// - Parameters:
  ///   - sources: archives that are read as one source
  ///   - path: the packed file; the held-out images go to `validationPath` beside it
  /// - Throws: `FileError`; nothing is visible then
  package init(
    _ sources: [SourceArchive], to path: String, validationPath: String, options: Ingest.Options
  ) throws {
    precondition(!sources.isEmpty, "IngestJob: no archives")
    self.options = options
    title = sources[0].name
    index = try SourceIndex(of: sources, rules: Self.rules(options, archives: sources.count))
    let isSplit = options.validation != .none
    report = IngestReport(
      layout: index.layout, classes: index.classes, hasValidation: isSplit, ignored: index.ignored,
      remarks: index.remarks)
    training = try PackedDataSetWriter(path, size: options.size, channels: options.channels)
    validation =
      isSplit
      ? try PackedDataSetWriter(validationPath, size: options.size, channels: options.channels)
      : nil
  }

  /// Number of images in the source.
  package var total: Int { index.images.count }

  /// Decodes and packs the images up to `end`; `progress` may throw to stop.
  /// - Parameter finished: called with the result of every image, in order
  /// - Throws: `FileError`, or what the functions throw
  package func run(
    to end: Int, progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in },
    finished: (Ingest.Outcome) throws -> Void = { _ in }
  ) throws {
    let (index, options) = (index, options)
    try OrderedWork.run(done..<end, threads: options.threads) { i in
      Self.outcome(of: index.images[i], in: index, options)
    } consume: { _, outcome in
      try progress(done, total)
      try take(outcome)
      try finished(outcome)
    }
  }

  /// Adds another process's result of the next image.
  /// - Throws: `FileError` if too many images are broken
  package func take(_ outcome: Ingest.Outcome) throws {
    let image = index.images[done]
    if image.label != place.label { place = (image.label, 0) }
    let isValidation = image.isValidation || options.validation.holdsOut(place.count)
    place.count += 1
    done += 1
    switch outcome {
    case .pixels(let pixels):
      let label = Int(image.label)
      try (isValidation ? validation! : training).append(pixels, label: label)
      report.count(label: label, isValidation: isValidation)
    case .broken(let reason):
      report.skip(index.name(of: image), reason)
      guard report.skippedCount <= options.skipLimit else {
        let (count, first) = (report.skippedCount, report.skipped[0])
        throw FileError(
          "\(title): \(count) broken \(count == 1 ? "image" : "images"), more than skip_limit "
            + "\(options.skipLimit); the first is '\(first.name)': \(first.reason)")
      }
    }
  }

  /// Gives the packed files their names.
  /// - Throws: `FileError`
  package func commit() throws -> IngestReport {
    precondition(done == total, "IngestJob: \(done) of \(total) images")
    guard training.count > 0 else {
      throw FileError(
        "\(title): "
          + (report.skipped.first.map {
            "every image is broken; the first is '\($0.name)': \($0.reason)"
          } ?? "no image is left to train on"))
    }
    if let validation {
      guard validation.count > 0 else {
        throw FileError(
          "\(title): no image is held out: its classes are smaller than data.validation asks for")
      }
      report.validation!.fingerprint = try validation.commit(classes: index.classes)
    }
    report.training.fingerprint = try training.commit(classes: index.classes)
    return report
  }

  private static func outcome(
    of image: SourceIndex.Image, in index: SourceIndex, _ options: Ingest.Options
  ) -> Ingest.Outcome {
    guard image.label >= 0 else { return .broken(index.lackOfLabel(of: image)) }
    do {
      let picture = try index.withBytes(of: image) {
        try Picture(file: $0, channels: options.channels)
      }
      return .pixels(picture.centerCropped(to: options.size).pixels)
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

extension Ingest {
  /// Makes decoding faster, for the whole process, by keeping freed memory.
  package static func keepMemory() { keep_freed_memory() }

  /// Runs a whole import.
  /// - Parameter progress: called with the images done and their number; may throw to stop
  /// - Throws: `FileError`, or what `progress` throws; nothing is written then
  package static func run(
    source: String, to path: String, options: Options,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> IngestReport {
    let job = try IngestJob(
      [SourceArchive(path: source)], to: path, validationPath: "\(path).validation",
      options: options)
    try job.run(to: job.total, progress: progress)
    let report = try job.commit()
    try progress(job.total, job.total)
    return report
  }
}
