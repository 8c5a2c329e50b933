// A stage that follows its arguments, for the tests of the agent.

import Files
import FoundationEssentials
import Glibc
import RunStore
import StageKit

/// Arguments of a job of kind `test`.
private struct Orders: Decodable {
  /// succeed, refuse, fail, lack, hoard, trap, crash, hang, deaf, burn, nothing, print, tell, record, pack, fetch or train.
  let act: String
  /// print: lines to print; train: steps to make; lack: the error number of a system call; hoard: bytes to ask for.
  var count: Int64? = nil
  /// tell: text to print, and to fail with; record: text to put wherever a stage may; pack: text to
  /// store in a file that is none.
  var secret: String? = nil
  /// fetch: digest of the artifact.
  var artifact: String? = nil
  /// train: number of steps between checkpoints.
  var every: Int64? = nil
  /// train: the step before which the first attempt waits to be stopped or killed.
  var hold: Int64? = nil
  /// train: the step before which the first attempt kills itself.
  var die: Int64? = nil
  /// train: bytes of a further file in each checkpoint.
  var weight: Int? = nil
  /// train: microseconds that a step of the first attempt takes.
  var pace: UInt32? = nil
}

@main struct TestStage {
  static func main() {
    Stage.run { session in
      print("process \(getpid())")
      fflush(nil)
      let orders = try JSONDecoder().decode(Orders.self, from: Data(session.arguments.utf8))
      switch orders.act {
      case "succeed":
        let artifact = try session.storeArtifact(
          bytes: Array("done".utf8), name: "note.txt", mediaType: "text/plain")
        try session.finish(outputs: ["note.txt": artifact])
      case "refuse": throw PermanentFailure("image 7 of emoji.tar is no PNG")
      case "fail": throw StoreError("the disk is on fire")
      case "lack":
        let code = Int32(orders.count!)
        throw StoreError("cannot write /scratch/x: \(String(cString: strerror(code)))", code: code)
      case "hoard":
        let hoard = [UInt8](repeating: 1, count: Int(orders.count!))
        print("\(hoard.count) bytes")
      case "trap": preconditionFailure("as asked")
      case "crash":
        print("about to crash")
        fflush(nil)
        UnsafeMutablePointer<Int>(bitPattern: 8)!.pointee = 1
      case "hang":
        while !session.stopRequested { usleep(1000) }
        throw Released()
      case "deaf": while true { pause() }
      case "burn": while !session.stopRequested {}
      case "nothing": return
      case "print":
        for line in 0..<orders.count! { print("line \(line)") }
        try session.finish(outputs: [:])
      case "tell":
        print("it is \(orders.secret!)")
        fflush(nil)
        throw StoreError("never say \(orders.secret!)")
      case "record": try record(session, orders.secret!)
      case "pack":
        _ = try session.storeArtifact(
          bytes: [0, 255] + Array(orders.secret!.utf8) + [0], name: "data.bin",
          mediaType: "application/octet-stream")
      case "fetch":
        try session.fetchArtifact(
          sha256: orders.artifact!, to: "\(session.scratch)/fetched", called: "the artifact")
        try session.finish(outputs: [:])
      case "train": try train(session, orders)
      default: throw PermanentFailure("act: \"\(orders.act)\" is unknown")
      }
    }
  }

  /// Puts a text into a result, an output, a figure's details and, if it can be one, a metric's name.
  private static func record(_ session: StageSession, _ text: String) throws {
    let json = "{\"said\": \(JSONText.string(text))}"
    if text.utf8.allSatisfy({ $0 > 0x20 }) {
      session.record([MetricPoint(name: "told.\(text)", step: 0, value: 1)])
    }
    let artifact = try session.storeArtifact(
      bytes: Array(json.utf8), name: "said.json", mediaType: "application/json")
    try session.finish(
      outputs: ["said.json": artifact],
      evaluations: [
        EvaluationRecord(metric: "words", scope: "overall", value: 1, images: 1, details: json)
      ], result: json)
  }

  /// Counts steps, with a metric for each and the count as its checkpoint.
  private static func train(_ session: StageSession, _ orders: Orders) throws {
    let total = orders.count!
    var step: Int64 = 0
    if let checkpoint = try session.latestCheckpoint(ofJob: session.jobID) {
      let path = "\(session.scratch)/resumed"
      try session.fetchArtifact(sha256: checkpoint.files["count.txt"]!.sha256, to: path)
      let text = try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
      guard Int64(text) == checkpoint.step else { throw StoreError("checkpoint says \(text)") }
      step = checkpoint.step
    }
    while step < total {
      if session.epoch == 1 && step == orders.die { kill(getpid(), SIGKILL) }
      if session.epoch == 1, let pace = orders.pace { usleep(pace) }
      while session.epoch == 1 && step == orders.hold && !session.stopRequested { usleep(1000) }
      // On a busy machine the request may come before the step that the test needs.
      let isBefore = session.epoch == 1 && step < orders.hold ?? 0
      if session.stopRequested && !isBefore {
        try checkpoint(session, step, orders)
        throw Released()
      }
      session.record([
        MetricPoint(name: "loss", step: step, value: Double(total - step)),
        MetricPoint(name: "epoch", step: step, value: Double(session.epoch)),
      ])
      if step % 100 == 0 {
        print("step \(step)")
        fflush(nil)
      }
      step += 1
      session.progress(done: step, total: total, unit: "steps")
      if let every = orders.every, step % every == 0 { try checkpoint(session, step, orders) }
    }
    try checkpoint(session, step, orders)
    try session.finish(outputs: [:], result: "{\"steps\": \(step)}")
  }

  private static func checkpoint(_ session: StageSession, _ step: Int64, _ orders: Orders) throws {
    try session.beginCheckpoint(step: step) { folder in
      let path = "\(folder)/count"
      try Data(String(step).utf8).write(to: URL(filePath: path))
      guard let weight = orders.weight else {
        return [CheckpointPart(name: "count.txt", path: path)]
      }
      // Other bytes at each step, since equal ones would not be sent again.
      let bytes = (0..<weight).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(step)) }
      try Data(bytes).write(to: URL(filePath: "\(folder)/weights"))
      return [
        CheckpointPart(name: "weights.bin", path: "\(folder)/weights"),
        CheckpointPart(name: "count.txt", path: path),
      ]
    }
    try session.waitForCheckpoint()
  }
}
