// The inputs of a command: a checkpoint as a folder, and drawn images as an npz.

import Configuration
import Files
import Images
import JobKinds
import StageInputs
import StageKit
import TensorFiles
import Training

/// Files on this machine that the program is given.
struct CommandInputs {
  /// Folder of the checkpoint's files but the optimizer's.
  private(set) var checkpoint: String?
  /// Step of the checkpoint, also where it is not fetched.
  private(set) var step: Int64?
  /// The npz of the images.
  private(set) var samples: String?
  /// Number of the images.
  private(set) var images: Int64 = 0

  init() {}

  init(_ arguments: CommandArguments, _ session: StageSession) throws {
    if arguments.train > 0 {
      let job = Int64(arguments.train)
      let found =
        try arguments.step.map { try session.checkpoint(ofJob: job, step: Int64($0)) }
        ?? session.latestCheckpoint(ofJob: job)
      guard let found else {
        throw PermanentFailure(
          "train: job \(job) has no checkpoint\(arguments.step.map { " of step \($0)" } ?? "")")
      }
      step = found.step
      if arguments.reads(.checkpoint) {
        let folder = "\(session.scratch)/checkpoint"
        try session.fetch(found, ofJob: job, to: folder) { $0 != CheckpointFile.optimizer }
        checkpoint = folder
      }
    }
    if arguments.reads(.samples) { try write(arguments.samples, session) }
  }

  /// Writes the images by number as pra export npz does: `arr_0` uint8 [images, height, width, channels],
  /// `arr_1` their classes, int64.
  private mutating func write(_ jobs: [Int], _ session: StageSession) throws {
    var sets: [(first: Int, images: PackedDataSet)] = []
    for job in jobs {
      for part in try session.finishedJobs(of: Int64(job)) {
        let drawn = try refusingBadInput { try SampleArguments(json: part.arguments) }
        sets.append(
          (drawn.first, try session.dataSet(ofJob: Int(part.id), output: OutputName.images)))
      }
    }
    sets.sort { $0.first < $1.first }
    guard let shape = sets.first?.images else {
      throw PermanentFailure("samples: they have no images")
    }
    let count = sets.reduce(0) { $0 + $1.images.count }
    let path = "\(session.scratch)/samples.npz"
    let file = try NPZWriter(path)
    try file.begin(
      "arr_0", type: "|u1", width: 1, shape: [count, shape.size, shape.size, shape.channels])
    for set in sets {
      guard set.images.size == shape.size, set.images.channels == shape.channels else {
        throw PermanentFailure(
          "samples: have images of several sizes; name jobs of one sampling run")
      }
      for i in 0..<set.images.count {
        try session.releaseIfAsked()
        try file.append(Array(set.images.pixels(of: i)))
      }
    }
    try file.begin("arr_1", type: "<i8", width: 8, shape: [count])
    for set in sets {
      for label in set.images.labels {
        try file.append(withUnsafeBytes(of: Int64(label).littleEndian, Array.init))
      }
    }
    try file.commit()
    (samples, images) = (path, Int64(count))
  }
}
