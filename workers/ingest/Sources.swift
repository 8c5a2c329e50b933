// The archives of an ingest job, fetched or found in place.

import Files
import Images
import JobKinds
import RunStore
import StageInputs
import StageKit

#if canImport(Glibc)
  import Glibc
#endif

extension StageSession {
  /// The import that a job's arguments describe, over archives that are there.
  func importing(_ arguments: IngestArguments) throws -> IngestJob {
    var options = Ingest.Options(
      size: arguments.image.size, channels: arguments.image.channels,
      skipLimit: arguments.skipLimit)
    if let ground = try arguments.ground {
      options.lay(onRed: ground.red, green: ground.green, blue: ground.blue)
    }
    options.folder = arguments.folder ?? ""
    options.threads = threads
    (options.rangeImages, options.leastRanges) = (arguments.checkpointEvery, arguments.parts)
    let split = arguments.validation
    if split.every > 0 { options.validation = .every(split.every) }
    if split.share > 0 { options.validation = .share(split.share) }
    if split.shards > 0 {
      options.validation = .archives(split.shards, folder: split.folder ?? "")
    } else if let folder = split.folder {
      options.validation = .folder(folder)
    }
    let archives = try archives(arguments)
    return arguments.parts > 1
      ? try listedOnce(archives, arguments, options) : try IngestJob(archives, options: options)
  }

  /// The import of one of several parts: the first to come lists the source, and leaves the listing to the others.
  private func listedOnce(
    _ archives: [SourceArchive], _ arguments: IngestArguments, _ options: Ingest.Options
  ) throws -> IngestJob {
    let (what, path) = (Self.listingName(arguments), "\(scratch)/listing")
    if let kept = try kept(what, of: arguments.source) {
      do {
        try fetchArtifact(
          sha256: kept.sha256, to: path, called: "listing of \(arguments.sourceName)")
        let job = try IngestJob(archives, options: options, listed: path)
        say("took the listing of \(job.total) images from another part")
        return job
      } catch let damage as DamagedArtifact {
        say("lists the source again: \(damage)")
      } catch let error as FileError {
        say("lists the source again: \(error)")
      }
      unlink(path)
    }
    let job = try IngestJob(archives, options: options)
    say("listed \(counted(job.total, "image"))")
    let digest = try job.writeListing(to: path)
    defer { unlink(path) }
    guard digest.size <= Self.mostListingBytes else { return job }
    let artifact = try storeArtifact(
      givenAway: path, digest: digest, name: "listing", mediaType: "application/octet-stream")
    try keep(artifact, as: what, of: arguments.source)
    return job
  }

  /// A listing that is larger stays where it was made; every store takes this many bytes.
  private static let mostListingBytes: Int64 = 1 << 29

  /// The listing's name among the results that are kept of a source: what it depends on, and nothing else.
  private static func listingName(_ arguments: IngestArguments) -> String {
    let standard = IngestArguments()
    var listed = arguments
    (listed.part, listed.parts, listed.packed) = (standard.part, standard.parts, standard.packed)
    (listed.image, listed.checkpointEvery) = (standard.image, standard.checkpointEvery)
    (listed.skipLimit, listed.background) = (standard.skipLimit, standard.background)
    return IngestJob.listingName(of: listed.json)
  }

  private func archives(_ arguments: IngestArguments) throws -> [SourceArchive] {
    let names = [arguments.sourceName] + arguments.shardNames
    return try ([arguments.source] + arguments.shards).enumerated().map { number, digest in
      try releaseIfAsked()
      let folder = arguments.archiveFolders.isEmpty ? "." : arguments.archiveFolders[number]
      let given = folder == "." ? "" : folder
      guard arguments.inPlace.isEmpty else {
        let digests = try fetchArtifact(sha256: digest)
        return SourceArchive(
          path: try place(of: arguments.inPlace[number]), name: names[number], folder: given,
          digests: try digests.withUnsafeBytes {
            try BlockDigests(parsing: $0, path: "digests of \(names[number])")
          })
      }
      let path = "\(scratch)/source-\(number)"
      try fetchArtifact(sha256: digest, to: path, called: names[number])
      return SourceArchive(path: path, name: names[number], folder: given)
    }
  }

  /// The path of a source that is read in place, without links.
  /// - Throws: `PermanentFailure` if it does not lie below a folder that the worker may read from
  private func place(of path: String) throws -> String {
    let folders = SourceFolders(text: getenv(SourceFolders.variable).map { String(cString: $0) })
    guard let found = Self.resolved(path) else {
      throw PermanentFailure("data.source: there is no file \(path) on this worker")
    }
    let isBelow = folders.all.contains { folder in
      Self.resolved(folder).map { found.hasPrefix($0.hasSuffix("/") ? $0 : "\($0)/") } == true
    }
    guard isBelow else {
      throw PermanentFailure(
        "data.source: \(path) does not lie below a folder that this worker reads from; it sees "
          + (folders.all.isEmpty ? "none" : folders.all.joined(separator: ", "))
          + " (pra worker --sees FOLDER)")
    }
    return found
  }

  /// The path without links; nil if it leads to nothing.
  private static func resolved(_ path: String) -> String? {
    guard let found = realpath(path, nil) else { return nil }
    defer { free(found) }
    return String(cString: found)
  }
}
