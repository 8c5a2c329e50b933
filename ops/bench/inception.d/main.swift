// Features of Inception-v3 for an npz of images, with the time for them, and figures from two files
// of features; called by `ops/bench/inception` and `ops/oracle/metrics.py`.
//
//   bench-inception features WEIGHTS IMAGES.npz OUT.npz [--threads N] [--batch N]
//   bench-inception speed WEIGHTS IMAGES.npz [--threads N] [--batch N]
//   bench-inception figures DRAWN.npz REFERENCE.npz [--threads N]
//   bench-inception archive OUT.npz [--images N] [--side N]

import Evaluation
import Foundation
import Inception
import Tensor
import TensorFiles

/// The options of the command line.
struct Options {
  var words: [String] = []
  var numbers = ["threads": 2, "batch": 16, "images": 50_000, "side": 256]

  init(_ arguments: [String]) {
    var rest = arguments[...]
    while let word = rest.popFirst() {
      if word.hasPrefix("--"), let value = rest.popFirst().flatMap({ Int($0) }) {
        numbers[String(word.dropFirst(2))] = value
      } else {
        words.append(word)
      }
    }
  }
}

/// Features of all images, batch by batch.
/// - Parameter warm: computes the first batch once before the clock starts, like the peer, so that
///   memory is reserved and the caches are filled
func extract(
  _ weights: String, _ images: ArrayFile, _ options: Options, warm: Bool = false,
  take: (Tensor) throws -> Void
) throws -> (width: Int, seconds: Double) {
  let device = Device(threads: options.numbers["threads"]!)
  let network = try InceptionNetwork(WeightFiles.open(weights), on: device)
  func features(from first: Int) -> Tensor {
    let part = first..<min(first + options.numbers["batch"]!, images.shape[0])
    return network.features(
      of: part.map { images.rows($0..<$0 + 1) }, height: images.shape[1],
      width: images.shape[2], channels: images.shape[3])
  }
  if warm { _ = features(from: 0) }
  let start = ContinuousClock.now
  for first in stride(from: 0, to: images.shape[0], by: options.numbers["batch"]!) {
    try take(features(from: first))
  }
  return (network.layout.width, (ContinuousClock.now - start) / .seconds(1))
}

func table(_ path: String) throws -> FeatureTable {
  let file = try ArrayFile(path: path, array: "features", of: .float32, dimensions: 2)
  return FeatureTable(width: file.shape[1], parts: [(file.bytes, file)])
}

func run(_ options: Options) throws {
  let words = options.words
  switch (words.first, words.count) {
  case ("features", 4):
    let images = try ArrayFile(path: words[2], array: "arr_0", of: .uint8, dimensions: 4)
    let writer = try NPZWriter(words[3])
    try writer.begin(
      "features", type: "<f4", width: 4, shape: [images.shape[0], InceptionLayout().width])
    _ = try extract(words[1], images, options) {
      try $0.readOnHost { try writer.append(Array(UnsafeRawBufferPointer($0))) }
    }
    try writer.commit()
  case ("speed", 3):
    let images = try ArrayFile(path: words[2], array: "arr_0", of: .uint8, dimensions: 4)
    let seconds = try extract(words[1], images, options, warm: true) { _ in }.seconds
    print("\(Double(images.shape[0]) / seconds)")
  case ("archive", 2):
    // As written by pra export npz; every byte depends on its image and position.
    let (count, side) = (options.numbers["images"]!, options.numbers["side"]!)
    let writer = try NPZWriter(words[1])
    try writer.begin("arr_0", type: "|u1", width: 1, shape: [count, side, side, 3])
    var image = [UInt8](repeating: 0, count: side * side * 3)
    for number in 0..<count {
      for i in image.indices { image[i] = UInt8(truncatingIfNeeded: i &* 31 &+ number &* 7) }
      try writer.append(image)
    }
    try writer.commit()
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    print("images \(count) peak_MiB \(usage.ru_maxrss / 1024)")
  case ("figures", 3):
    let (drawn, other) = (try table(words[1]), try table(words[2]))
    let layout = InceptionLayout()
    let reference = InceptionReference(
      pool: try FeatureStatistics(other, columns: layout.pool),
      spatial: try FeatureStatistics(other, columns: layout.spatial), features: other)
    let result = try inceptionFigures(
      drawn: drawn, layout: layout, reference: reference, conventions: Convention.allCases,
      on: Device(threads: options.numbers["threads"]!))
    for figure in result.figures { print("\(figure.name) \(figure.value)") }
    for missing in result.leftOut { print("left out: \(missing.metric): \(missing.reason)") }
  default:
    print("usage: see the head of ops/bench/inception.d/main.swift")
    exit(2)
  }
}

do {
  try run(Options(Array(CommandLine.arguments.dropFirst())))
} catch {
  print("\(error)")
  exit(1)
}
