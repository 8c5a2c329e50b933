// The arguments of `ingest`.

import Configuration

/// `ingest`: packs archives of images into one data set file.
package struct IngestArguments: JobArguments {
  /// SHA-256 of the artifact: a tar or a zip, or the digests of its blocks where it is read in place.
  package var source = ""
  /// Name of the source in messages.
  package var sourceName = "source.tar"
  /// SHA-256 of further archives that are read as one with the source.
  package var shards: [String] = []
  /// Names of these in messages.
  package var shardNames: [String] = []
  /// The folder in which the names of the source and of each shard, in this order, are taken to
  /// lie; `.` for none. Empty if none has one.
  package var archiveFolders: [String] = []
  /// Folder of the archives to which reading is limited.
  package var folder: String?
  package var validation = ValidationSplit()
  package var image = Image()
  /// Colour on which transparent pictures are laid, or empty: null in JSON.
  package var background = ""
  /// Number of broken images that may be left out.
  package var skipLimit = 0
  /// Largest number of images of a range, after each of which there is a checkpoint.
  package var checkpointEvery = 50_000
  /// Absolute paths of the source and the shards where they are read as they lie on the worker's disk; empty
  /// where they are artifacts. A worker opens them only below a folder that it was given (`pra worker --sees`).
  package var inPlace: [String] = []
  /// The number of the share of the ranges that this job packs, of `parts` equal ones; another job puts their
  /// outputs together.
  package var part = 0
  package var parts = 1
  /// The array of such jobs whose ranges this job puts together, or 0.
  package var packed = 0

  package init() {}

  package static let additions: Set<String> = [
    "shards", "shard_names", "archive_folders", "folder", "validation", "checkpoint_every",
    "in_place", "part", "parts", "packed", "background",
  ]

  package struct Image: Section {
    package var size = 32
    package var channels = 3

    package static var fields: [Field<Self>] {
      [
        .integer("size", \.size, 1...4096, "Side of an image.").unit("pixels"),
        .integer("channels", \.channels, 1...3, "3 for RGB, 1 for gray; 2 is refused.")
          .rule("enum", "[1,3]"),
      ]
    }
  }

  package static var fields: [Field<Self>] {
    [
      .text(
        "source", \.source,
        "SHA-256 of a tar or a zip, or of the digests of the blocks of one that is read in place."
      ).required().rule("pattern", digestPattern).reads("artifact"),
      .text("source_name", \.sourceName, "Name of the source in messages and records."),
      .texts(
        "shards", \.shards,
        "SHA-256 of further archives, which are read as one with the source; null for none."
      ).reads("artifact"),
      .texts("shard_names", \.shardNames, "Names of these in messages, one each."),
      .texts(
        "archive_folders", \.archiveFolders,
        "Folder that the names in the source and each shard are taken to lie below, `.` for none."),
      .optionalText(
        "folder", \.folder, "Folder of the archives that is read; null for all of them."),
      .section(
        "validation", \.validation, "Images that are held out, by one of these keys, or none."),
      .section("image", \.image, "Size to which images are cropped and resized."),
      .optionalText(
        "background", \.background,
        "Colour on which transparent pictures are laid, such as `white` or `#808080`; null drops alpha."
      ),
      .integer(
        "skip_limit", \.skipLimit, 0...1_000_000_000,
        "Broken images that may be left out; with 0 the first one fails the job."
      ).unit("images"),
      .integer(
        "checkpoint_every", \.checkpointEvery, 1...1_000_000_000,
        "Largest number of images of a range, after each of which there is a checkpoint."
      ).unit("images"),
      .texts(
        "in_place", \.inPlace,
        "Absolute paths of source and shards that are read as they lie on the worker's disk, below a "
          + "folder of `pra worker --sees`; null where they are stored."),
      .integer("part", \.part, 0...9_999, "Share of the ranges that this job packs."),
      .integer(
        "parts", \.parts, 1...10_000,
        "Number of shares; with more than 1 another job puts the ranges together."),
      .integer(
        "packed", \.packed, jobIDsOrNone,
        "Ingest array whose ranges this job puts together, or 0."),
    ]
  }

  /// The colour of `background`.
  /// - Throws: `ConfigurationError`
  package var ground: GroundColour? {
    get throws { try background.isEmpty ? nil : GroundColour(background, at: "background") }
  }

  package var parents: [Int] { packed > 0 ? [packed] : [] }

  package func validate() throws {
    for (key, digest) in [("source", source)] + shards.map({ ("shards", $0) }) {
      guard digest.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
        throw ConfigurationError(
          "\(key): found '\(digest)', expected the SHA-256 of a stored tar or zip, 64 hexadecimal "
            + "digits")
      }
    }
    guard shardNames.count == shards.count else {
      throw ConfigurationError(
        "shard_names: found \(shardNames.count), expected one for each of the \(shards.count) shards"
      )
    }
    guard archiveFolders.isEmpty || archiveFolders.count == shards.count + 1 else {
      throw ConfigurationError(
        "archive_folders: found \(archiveFolders.count), expected none or one for source and each of "
          + "the \(shards.count) shards")
    }
    _ = try ground
    guard image.channels != 2 else {
      throw ConfigurationError("image.channels: found 2, expected 1 or 3")
    }
    guard inPlace.isEmpty || inPlace.count == shards.count + 1 else {
      throw ConfigurationError(
        "in_place: found \(inPlace.count), expected none or one path for source and each of the "
          + "\(shards.count) shards")
    }
    for path in inPlace {
      guard path.hasPrefix("/"), path.utf8.count <= 4096, !path.split(separator: "/").contains("..")
      else {
        throw ConfigurationError(
          "in_place: found '\(path)', expected an absolute path without '..'")
      }
    }
    guard part < parts else {
      throw ConfigurationError("part: found \(part), expected a number below parts (\(parts))")
    }
    guard packed == 0 || parts == 1 else {
      throw ConfigurationError(
        "parts: found \(parts), expected 1 for a job that puts ranges together (packed)")
    }
    try validation.validate(at: "validation", folder: folder)
    guard validation.shards <= shards.count else {
      throw ConfigurationError(
        "validation.shards: found \(validation.shards) of \(shards.count + 1) archives; one must be "
          + "left to train on")
    }
  }
}
