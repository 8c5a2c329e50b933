// Arguments are strict: errors name keys that are unknown, missing or of another type.

import Configuration
import Testing

@testable import JobKinds

@Suite struct ArgumentTests {
  private let zeros = String(repeating: "0", count: 64)

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  @Test func anUnknownKeyIsNamedWithTheNearest() {
    let message = refusal {
      _ = try EvaluateArguments(json: #"{"train":1,"data":2,"sampels":[3]}"#)
    }
    #expect(message.contains("sampels") && message.contains("samples"))
  }

  @Test func aMissingKeyIsNamed() {
    let message = refusal { _ = try EvaluateArguments(json: #"{"train":1,"data":2}"#) }
    #expect(message.contains("samples: missing"))
  }

  @Test(arguments: [
    (#"{"train":"1","data":2,"samples":[3]}"#, "train"),
    (#"{"train":1,"data":2.5,"samples":[3]}"#, "data"),
    (#"{"train":1,"data":2,"samples":3}"#, "samples"),
    (#"{"train":1,"data":2,"samples":[3,null]}"#, "samples[1]"),
    (#"{"train":1,"data":2,"samples":[3,3]}"#, "samples"),
    (#"{"train":0,"data":2,"samples":[3]}"#, "train"),
  ])
  func aWrongValueIsNamed(_ json: String, _ key: String) {
    #expect(refusal { _ = try EvaluateArguments(json: json) }.hasPrefix(key))
  }

  @Test func aSourceIsADigestAndNoPath() {
    let message = refusal {
      _ = try JobKind.ingest.arguments(.null, [Override("source=../../etc/passwd")]) { _ in
        TrainArguments()
      }
    }
    #expect(message.hasPrefix("source: found '../../etc/passwd'"))
  }

  @Test(arguments: [(0, 0, 4), (3, 2, 4), (0, 5, 4)])
  func aRangeLiesWithinTheWhole(_ first: Int, _ last: Int, _ count: Int) throws {
    var arguments = SampleArguments()
    (arguments.train, arguments.data) = (1, 2)
    (arguments.first, arguments.last, arguments.count) = (first, last, count)
    arguments.sampling.weights = "model"
    #expect(throws: ConfigurationError.self) { try arguments.validate() }
  }

  @Test func whatWasCheckedReadsBack() throws {
    let checked = try JobKind.train.arguments(
      .null,
      [Override("data=3"), Override("config.preset=micro"), Override("config.training.total=9")]
    ) { _ in TrainArguments() }
    let train = try TrainArguments(json: checked.json)
    #expect(train.config.training.total == 9)
    #expect(train.config.trunk.width == Preset.micro.configuration.trunk.width)
    #expect(train.json == checked.json)
    #expect(checked.parents == [3])
  }

  @Test func aSampleJobWaitsForItsTrainAndIngestJobs() throws {
    var train = TrainArguments()
    train.data = 4
    train.config = try ModelConfiguration.resolve()
    let checked = try JobKind.sample.arguments(
      .null, [Override("train=9"), Override("count=2")]
    ) { id in
      #expect(id == 9)
      return train
    }
    #expect(checked.parents == [4, 9])
    #expect(try SampleArguments(json: checked.json).last == 2)
  }
}
