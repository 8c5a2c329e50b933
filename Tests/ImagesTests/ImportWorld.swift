// Sources of tiny pictures, and their import.

import Files
import Foundation
import Raster

@testable import Images

/// A folder for one test.
struct ImportWorld {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// A picture of one shade, 4 x 4.
  static func png(_ shade: UInt8) throws -> [UInt8] {
    try Picture(width: 4, height: 4, channels: 1, pixels: [UInt8](repeating: shade, count: 16))
      .png()
  }

  func tar(_ files: [(String, [UInt8])], _ name: String = "source.tar") throws -> String {
    let path = "\(scratch.path)/\(name)"
    let writer = try TarWriter(path)
    for (name, bytes) in files { try bytes.withUnsafeBytes { try writer.append(name, $0) } }
    try writer.commit()
    return path
  }

  /// Imports archives of 4 x 4 pictures.
  func ingest(
    _ sources: [SourceArchive], skipLimit: Int = 0, threads: Int = 1,
    change: (inout Ingest.Options) -> Void = { _ in }
  ) throws -> Import {
    var options = Ingest.Options(size: 4, channels: 1, skipLimit: skipLimit)
    options.threads = threads
    change(&options)
    let made = try Ingest.run(sources, to: scratch.path, options: options)
    return Import(report: made.report, training: made.training, held: made.validation)
  }

  func ingest(_ path: String, skipLimit: Int = 0) throws -> Import {
    try ingest([SourceArchive(path: path, name: "source")], skipLimit: skipLimit)
  }

  /// The error with which an import refuses a source.
  func refusal(_ path: String, skipLimit: Int = 0) -> String {
    do {
      _ = try ingest(path, skipLimit: skipLimit)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }
}

struct Import {
  let report: IngestReport
  let training: PackedDataSet
  let held: PackedDataSet?

  /// Class and shade of every image.
  var shades: [String] { Self.shades(training) }
  var heldShades: [String] { held.map(Self.shades) ?? [] }

  private static func shades(_ data: PackedDataSet) -> [String] {
    (0..<data.count).map { "\(data.classes[data.labels[$0]]) \(data.pixels(of: $0)[0])" }
  }
}
