// The arguments of `features`.

import Configuration

/// `features`: Inception features of one part of the images of one source.
package struct FeaturesArguments: JobArguments {
  /// An ingest job, or 0.
  package var data = 0
  /// Sample jobs, or arrays of them, which together drew one sampling run.
  package var samples: [Int] = []
  /// SHA-256 of an npz with images `arr_0`, or empty: null in JSON.
  package var archive = ""
  package var archiveName = ""
  /// SHA-256 of a tar of PNG files, or empty: null in JSON.
  package var folder = ""
  package var folderName = ""
  /// SHA-256 of the network's weights.
  package var weights = ""
  package var weightsName = ""
  /// Which of `parts` equal parts this job computes.
  package var part = 0
  package var parts = 1

  package init() {}

  package static var fields: [Field<Self>] {
    [
      .integer("data", \.data, jobIDsOrNone, "Ingest job whose images are measured, or 0.")
        .reads("data*"),
      .integers(
        "samples", \.samples, jobIDs,
        "Sample jobs, or arrays of them, which together drew one sampling run."
      ).rule("uniqueItems", "true").reads("images.packed"),
      .optionalText(
        "archive", \.archive,
        "SHA-256 of an npz with images `arr_0` [n, height, width, 3] of bytes, or null."
      ).reads("artifact"),
      .optionalText("archive_name", \.archiveName, "Name of the archive in messages."),
      .optionalText(
        "folder", \.folder,
        "SHA-256 of a tar of PNG files, taken in the bytewise order of their paths, or null."
      ).reads("artifact"),
      .optionalText("folder_name", \.folderName, "Name of the folder in messages."),
      .text(
        "weights", \.weights,
        "SHA-256 of Inception-v3 in its FID form: a torch file or safetensors."
      ).required().reads("artifact"),
      .optionalText("weights_name", \.weightsName, "Name of the file of weights in messages."),
      .integer(
        "part", \.part, 0...9_999,
        "Part that is measured: images part n / parts to (part + 1) n / parts of n."),
      .integer(
        "parts", \.parts, 1...10_000,
        "Number of equal parts; as an array: `--array 0-7 --element part --set parts=8`."),
    ]
  }

  package var parents: [Int] { (data > 0 ? [data] : []) + samples }

  package func validate() throws {
    let given = [
      ("data", data > 0), ("samples", !samples.isEmpty), ("archive", !archive.isEmpty),
      ("folder", !folder.isEmpty),
    ].filter(\.1).map(\.0)
    guard given.count == 1 else {
      throw ConfigurationError(
        "data, samples, archive, folder: "
          + (given.isEmpty ? "all missing" : "found \(given.joined(separator: " and "))")
          + "; expected one of them, the images to measure")
    }
    guard Set(samples).count == samples.count else {
      throw ConfigurationError("samples: expected each job once")
    }
    if !archive.isEmpty { try requireStored(archive, "archive", "an npz with images arr_0") }
    if !folder.isEmpty { try requireStored(folder, "folder", "a folder of PNG files") }
    try requireStored(weights, "weights", "Inception-v3 in its FID form")
    guard part < parts else {
      throw ConfigurationError("part: found \(part), expected a number below parts (\(parts))")
    }
  }
}
