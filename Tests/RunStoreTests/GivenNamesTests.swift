// Messages name what the user gave, never a path of the worker.

import Testing

@testable import StageKit

@Suite struct GivenNamesTests {
  private let names: GivenNames = {
    var names = GivenNames(scratch: "/srv/x/agent-1/12-1")
    names.call("/srv/x/agent-1/12-1/weights", "weights: inception.pth")
    names.call("/srv/x/agent-1/12-1/weights-2", "loss.lpips_file: a/b.pth")
    names.call("/srv/x/agent-1/12-1/checkpoint", "checkpoint of job 7")
    names.call(
      "artifact \(String(repeating: "ab", count: 32))", "data.packed of job 3 (artifact abab)")
    return names
  }()

  @Test(arguments: [
    ("/srv/x/agent-1/12-1/weights: is damaged", "weights: inception.pth: is damaged"),
    ("/srv/x/agent-1/12-1/weights-2: is damaged", "loss.lpips_file: a/b.pth: is damaged"),
    (
      "cannot read /srv/x/agent-1/12-1/checkpoint/model.safetensors: truncated",
      "cannot read checkpoint of job 7: model.safetensors: truncated"
    ),
    (
      "/srv/x/agent-1/12-1/data.packed: cannot be written: No space left on device",
      "data.packed in the worker's scratch folder: cannot be written: No space left on device"
    ),
    ("/srv/x/agent-1/12-1: gone", "the worker's scratch folder: gone"),
    ("nothing of ours: /srv/y", "nothing of ours: /srv/y"),
    (
      "artifact \(String(repeating: "ab", count: 32)) is damaged",
      "data.packed of job 3 (artifact abab) is damaged"
    ),
  ])
  func words(message: String, shown: String) { #expect(names.words(message) == shown) }
}
