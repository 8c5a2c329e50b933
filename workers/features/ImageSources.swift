// The images whose features are computed, from a data set, sample jobs or files.

import Configuration
import Digest
import Files
import Images
import JobKinds
import Raster
import RunStore
import StageInputs
import StageKit
import TensorFiles

/// One image, [height, width, channels].
struct LoadedImage {
  let height: Int
  let width: Int
  let channels: Int
  let pixels: [UInt8]

  func hasShape(of other: LoadedImage) -> Bool {
    (height, width, channels) == (other.height, other.width, other.channels)
  }
}

/// The images of one source, by number.
protocol ImageSource {
  /// The description, without range, weights and narrowing.
  var description: FeatureShard { get }
  func image(_ number: Int) throws -> LoadedImage
}

extension StageSession {
  func imageSource(_ arguments: FeaturesArguments) throws -> any ImageSource {
    if arguments.data > 0 {
      return try PackedImages(arguments.data, self)
    }
    if !arguments.samples.isEmpty { return try SampledImages(arguments.samples, self) }
    if !arguments.archive.isEmpty {
      let path = try fetch(
        "archive", sha256: arguments.archive, named: arguments.archiveName,
        otherwise: "images.npz")
      return try refusingBadInput { try ArchivedImages(path, sha256: arguments.archive) }
    }
    let path = try fetch(
      "folder", sha256: arguments.folder, named: arguments.folderName, otherwise: "folder.tar")
    return try refusingBadInput { try FolderImages(path, sha256: arguments.folder) }
  }
}

private func described(_ change: (inout FeatureShard) -> Void) -> FeatureShard {
  var shard = FeatureShard()
  change(&shard)
  return shard
}

/// A data set, of which the ranges are fetched that are read, one at a time.
private final class PackedImages: ImageSource {
  let description: FeatureShard
  private let session: StageSession
  private let job: Int
  private let set: PackedDataSet
  private var last = -1

  init(_ job: Int, _ session: StageSession) throws {
    (self.job, self.session) = (job, session)
    let set = try session.openDataSet(ofJob: job, output: OutputName.dataSet)
    self.set = set
    description = described {
      ($0.kind, $0.source, $0.images) = ("data", set.fingerprint, set.count)
      ($0.name, $0.labels, $0.rounding) = ("data set", "data set", "none")
    }
  }

  func image(_ number: Int) throws -> LoadedImage {
    let range = set.range(of: number)
    // Images are read in their order: the range before is done with.
    if range != last, !set.ranges.isEmpty {
      if last >= 0 { session.discard(range: last, of: set) }
      try session.fetch(range: range, of: set, ofJob: job)
    }
    last = range
    return LoadedImage(
      height: set.size, width: set.size, channels: set.channels,
      pixels: Array(set.pixels(of: number))
    )
  }
}

/// The images of sample jobs, in the order of their numbers.
private final class SampledImages: ImageSource {
  let description: FeatureShard
  private let session: StageSession
  private let jobs: [(id: Int64, first: Int, last: Int)]
  private var open: (number: Int, set: PackedDataSet)?

  init(_ samples: [Int], _ session: StageSession) throws {
    self.session = session
    var found: [(id: Int64, arguments: SampleArguments)] = []
    for sample in samples {
      for part in try session.finishedJobs(of: Int64(sample)) {
        let arguments = try refusingBadInput { try SampleArguments(json: part.arguments) }
        found.append((part.id, arguments))
      }
    }
    found.sort { $0.arguments.first < $1.arguments.first }
    guard let one = found.first?.arguments else { throw PermanentFailure("samples: no parts") }
    /// The arguments that are equal in all parts of one sampling run.
    func whole(_ arguments: SampleArguments) -> SampleArguments {
      var whole = arguments
      (whole.first, whole.last) = (0, arguments.count)
      return whole
    }
    var end = 0
    for (id, arguments) in found {
      guard whole(arguments) == whole(one) else {
        throw PermanentFailure(
          "samples: jobs \(found[0].id) and \(id) are of different sampling runs; name those of one"
        )
      }
      guard arguments.first == end else {
        throw PermanentFailure(
          arguments.first > end
            ? "samples: images \(end) to \(arguments.first - 1) are missing; name all sample jobs"
            : "samples: image \(arguments.first) was drawn by more than one job")
      }
      end = arguments.last
    }
    guard end == one.count else {
      throw PermanentFailure(
        "samples: images \(end) to \(one.count - 1) are missing; name all sample jobs")
    }
    jobs = found.map { ($0.id, $0.arguments.first, $0.arguments.last) }
    description = described {
      ($0.kind, $0.images, $0.name) = ("samples", one.count, "sampling of job \(one.train)")
      ($0.labels, $0.rounding) = (one.sampling.labels.rawValue, one.sampling.rounding.rawValue)
      // A text that does not depend on how the run was cut into shards.
      var digest = SHA256()
      digest.update(Array(whole(one).json.utf8))
      $0.source = digest.hexadecimal()
    }
  }

  func image(_ number: Int) throws -> LoadedImage {
    let place = jobs.firstIndex { number < $0.last }!
    if open?.number != place {
      open = nil
      open = (place, try session.dataSet(ofJob: Int(jobs[place].id), output: OutputName.images))
    }
    let set = open!.set
    let index = number - jobs[place].first
    guard index < set.count else {
      throw PermanentFailure(
        "samples: job \(jobs[place].id) has \(counted(set.count, "image")) only")
    }
    return LoadedImage(
      height: set.size, width: set.size, channels: set.channels,
      pixels: Array(set.pixels(of: index)))
  }
}

/// `arr_0` of an npz, as the ADM evaluator reads it.
private struct ArchivedImages: ImageSource {
  let description: FeatureShard
  private let array: ArrayFile

  init(_ path: String, sha256: String) throws {
    let array = try ArrayFile(path: path, array: "arr_0", of: .uint8, dimensions: 4)
    self.array = array
    guard array.shape[3] == 3 || array.shape[3] == 1, array.shape[1] > 0, array.shape[2] > 0 else {
      throw FileError(
        "\(path): array 'arr_0' has shape \(array.shape), expected [images, height, width, 3]")
    }
    description = described {
      ($0.kind, $0.source, $0.images) = ("archive", sha256, array.shape[0])
      ($0.name, $0.labels, $0.rounding) = (lastComponent(path), "unknown", "unknown")
    }
  }

  func image(_ number: Int) -> LoadedImage {
    LoadedImage(
      height: array.shape[1], width: array.shape[2], channels: array.shape[3],
      pixels: Array(array.rows(number..<number + 1)))
  }
}

/// The PNG files of a folder, as a tar or a zip, by path.
private struct FolderImages: ImageSource {
  private enum Place {
    case tar(Range<Int>)
    case zip(ZipArchive.Entry)
  }

  let description: FeatureShard
  private let archive: MappedFile
  private let files: [(name: String, place: Place)]

  /// Larger than any picture's file.
  private static let mostBytes = 1 << 28

  init(_ path: String, sha256: String) throws {
    let archive = try MappedFile(path)
    self.archive = archive
    var all: [(name: String, place: Place)] = []
    if archive.bytes.starts(with: [0x50, 0x4B, 3, 4]) {
      try ZipArchive.forEachFile(of: archive, called: path) { name, entry in
        if let entry { all.append((name, .zip(entry))) }
      }
    } else {
      try TarReader(archive, called: path).forEachFile { name, range in
        if let range { all.append((name, .tar(range))) }
      }
    }
    let visible = all.filter {
      !$0.name.hasPrefix("__MACOSX/")
        && !$0.name.split(separator: "/").contains { $0.hasPrefix(".") }
    }
    var files: [(name: String, place: Place)] = []
    for file in visible where try Self.isPNG(file.name, file.place, in: archive) {
      files.append(file)
    }
    guard !files.isEmpty else { throw FileError("\(path): holds no PNG files") }
    if files.count < all.count {
      let left = all.count - files.count
      say(
        "\(left) \(left == 1 ? "file is" : "files are") left out, which are no pictures or hidden")
    }
    self.files = files.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    description = described {
      ($0.kind, $0.source, $0.images) = ("folder", sha256, files.count)
      ($0.name, $0.labels, $0.rounding) = (lastComponent(path), "unknown", "unknown")
    }
  }

  /// Whether a file is one of the images. Pictures of other formats and archives are refused: figures of the rest
  /// would be taken for those of all.
  private static func isPNG(_ name: String, _ place: Place, in archive: MappedFile) throws -> Bool {
    func refusal(_ what: String) -> FileError { FileError("\(archive.path): '\(name)' \(what)") }
    return try withBytes(of: place, in: archive) { bytes in
      switch Picture.Format(of: bytes) {
      case .png: return true
      case .jpeg: throw refusal("is a JPEG, whose losses change every figure; save images as PNG")
      case .other("a text or a web page"), nil:
        guard !name.lowercased().hasSuffix(".png") else {
          throw refusal("is no PNG, by its bytes")
        }
        if let remark = Compression.remark(onArchive: name, bytes) { throw refusal(remark) }
        guard ![".tar", ".zip"].contains(where: name.lowercased().hasSuffix) else {
          throw refusal("is an archive; its images are not read: unpack it")
        }
        return false
      case .other(let format): throw refusal("is \(format); save images as PNG")
      }
    }
  }

  private static func withBytes<T>(
    of place: Place, in archive: MappedFile, _ body: (UnsafeRawBufferPointer) throws -> T
  ) throws -> T {
    switch place {
    case .tar(let range):
      try body(UnsafeRawBufferPointer(rebasing: archive.bytes[range]))
    case .zip(let entry):
      try ZipArchive.withBytes(
        of: entry, in: archive, called: archive.path, most: mostBytes, body)
    }
  }

  func image(_ number: Int) throws -> LoadedImage {
    let file = files[number]
    do {
      let picture = try Self.withBytes(of: file.place, in: archive) {
        try Picture(png: $0, channels: 3)
      }
      return LoadedImage(
        height: picture.height, width: picture.width, channels: 3, pixels: picture.pixels)
    } catch let error as PictureError {
      throw PermanentFailure("\(description.name): '\(file.name)': \(error)")
    }
  }
}

private func lastComponent(_ path: String) -> String {
  path.split(separator: "/").last.map(String.init) ?? path
}
