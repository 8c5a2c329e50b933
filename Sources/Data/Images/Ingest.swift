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
    /// Colour on which transparent pictures are laid; nil drops their alpha.
    private(set) var ground: Picture.Ground?
    /// Number of threads that decode; the result is the same bytes for any number.
    package var threads = 1
    /// Largest number of images of a range. The fingerprint is the same for any number.
    package var rangeImages = 50_000
    /// Largest size of a range's object in bytes: large enough for a store, small enough to be made again.
    package var rangeBytes = 1 << 30
    /// Number of ranges that there are at least, for as many machines, unless there are fewer images.
    package var leastRanges = 1

    package init(size: Int, channels: Int, skipLimit: Int = 0) {
      precondition(size > 0 && (channels == 1 || channels == 3), "Ingest: \(size), \(channels)")
      (self.size, self.channels, self.skipLimit) = (size, channels, skipLimit)
    }

    /// Lays transparent pictures on a colour.
    package mutating func lay(onRed red: UInt8, green: UInt8, blue: UInt8) {
      ground = Picture.Ground(red: red, green: green, blue: blue)
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
  enum Outcome: Sendable {
    /// [size, size, channels], and their SHA-256.
    case pixels([UInt8], digest: [UInt8])
    case broken(String)
    case changed(ChangedSource)
  }
}

extension Ingest {
  /// Makes decoding faster, for the whole process, by keeping freed memory.
  package static func keepMemory() { keep_freed_memory() }

  /// Runs a whole import, and opens its result.
  /// - Parameters:
  ///   - folder: gets the objects of the ranges, and the manifests data.json and validation.json
  ///   - progress: called with the images done and their number; may throw to stop
  /// - Throws: `FileError`, or what `progress` throws; there is no manifest then
  package static func run(
    _ sources: [SourceArchive], to folder: String, options: Options,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> (report: IngestReport, training: PackedDataSet, validation: PackedDataSet?) {
    let job = try IngestJob(sources, options: options)
    var records: [RangeRecord] = []
    for number in job.ranges.indices {
      records.append(
        try job.pack(
          number, in: folder, brokenBefore: records.reduce(0) { $0 + $1.skippedCount },
          progress: progress))
    }
    let made = try job.listing.assemble(records, skipLimit: options.skipLimit)
    func open(_ manifest: DataSetManifest, _ what: String) throws -> PackedDataSet {
      let file = try DurableFile("\(folder)/\(what).json")
      try file.write(Array(manifest.json.utf8))
      try file.commit()
      let set = try PackedDataSet(path: file.path)
      let packed = records.filter {
        (what == "data" ? $0.training.images : $0.validation?.images ?? 0) > 0
      }
      for (range, record) in packed.enumerated() {
        try set.open(
          range: range, path: "\(folder)/\(RangeRecord.name(what, record.number, "packed"))")
      }
      return set
    }
    return (
      made.report, try open(made.training, "data"),
      try made.validation.map { try open($0, "validation") }
    )
  }
}
