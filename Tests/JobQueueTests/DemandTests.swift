// Demands that can never be met are refused where they are made.

import JobQueue
import Postgres
import Testing

@Suite struct DemandTests {
  @Test(
    "a requirement that no worker can meet is refused",
    arguments: [
      ["gpu='A100'"], [#"gpu="A100""#], ["vram=80GB"], ["vram!=80 GiB"], ["gpu=A100`"],
      ["vram_gib>=80", "vram_gib<40"], ["gpu=A100", "gpu=H100"], ["n>4", "n<=4"], ["n=3", "n>=4"],
      ["n=1", "n!=1.0"], ["n>=3", "n<=3", "n!=3"], ["n!=2.0", "x=1", "n<=2", "n>=2"],
      ["gpu=A", "x=1", "gpu=B"], ["vram=80gig"], ["vram=80 gigabytes"], ["net=10 Gbit/s"],
      ["power=300 watts"], ["gpu=A100", "gpu>=4"],
      ["x=" + String(repeating: "a", count: 300)], ["x>=" + String(repeating: "9", count: 400)],
    ])
  func requirements(_ requirements: [String]) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.job { $0.requirements = requirements }
    }
    #expect(error?.sqlState == "PR003", "\(String(describing: error))")
  }

  @Test(
    "requirements that can be met are taken",
    arguments: [
      ["vram_gib>=40", "vram_gib<80"], ["gpu=A100 PCIe", "gpu!=H100"], ["host!=a7"],
      ["n=3", "n<=3"],
      ["n>=3", "n<=3", "n!=4"], ["n>=3", "n<4", "n!=3"], ["gpu=4090"], ["gpu=3090ti"], ["sm=90a"],
      ["host=80g"], ["n>=2", "n<=2"], ["a=x", "b=y"],
    ])
  func goodRequirements(_ requirements: [String]) throws {
    let world = try QueueWorld()
    #expect(try world.job { $0.requirements = requirements } > 0)
  }

  @Test(
    "a label that no requirement can name is refused",
    arguments: [
      (#"{"vram": "80GB"}"#, "a number with a unit"), (#"{"a b": "c"}"#, #"the name "a b""#),
      (#"{"vram": ""}"#, "1 to 200 characters"), (#"{"gpu": "'A100'"}"#, "a quote"),
      (#"{"gpu": "a=b"}"#, "a comparator"), (#"{"gpu": "A100 "}"#, "a blank at an end"),
      (#"{"gpu": "A\u001b[31m"}"#, "a control character"), (#"{"9x": "1"}"#, "not to begin"),
      (#"{"gpu": null}"#, "1 to 200 characters"),
    ])
  func labels(_ labels: String, words: String) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) { try world.worker(labels: labels) }
    #expect(error?.sqlState == "PR003" && error?.message.hasPrefix("labels: ") == true)
    #expect(error?.message.contains(words) == true, "\(String(describing: error))")
  }

  @Test(
    "the program and the database have the same rule for labels",
    arguments: [
      ("vram", "80GB"), ("vram", "80"), ("gpu", "3090ti"), ("disk", "4t"), ("disk", "4TiB"),
      ("vram", "3.5 ghz"), ("gpu", "RTX 4090"), ("gpu", "a\"b"),
      ("x y", "1"), ("", "1"), ("host", "80g"), ("gpu", " a"), ("gpu", "ü"), ("gpu", "50%"),
      ("gpu", "a>b"), ("é", "1"), ("gpu", "\t"), ("_a.b-c", "-1.5"),
    ])
  func oneRule(label: String, value: String) throws {
    let world = try QueueWorld()
    let isRefused = try world.administrator.query(
      "select pra_store.label_fault($1, $2) is not null as it", [.text(label), .text(value)]
    ).single().boolean("it")
    #expect(isRefused == (WorkerLabel.fault(label, value) != nil))
  }

  @Test("why names a label that is compared as a number and is none")
  func noNumber() throws {
    let world = try QueueWorld()
    _ = try world.worker(labels: #"{"vram": "80 large ones", "gpu": "3090ti"}"#)
    func why(_ requirement: String) throws -> String {
      try world.submit.whyPending(try world.job { $0.requirements = [requirement] }).detail
    }
    #expect(
      try why("vram>=40")
        == "none of 1 live workers has vram>=40; compared as numbers: worker w has vram=80 large ones, which is no number"
    )
    #expect(try why("gpu=3090").contains("worker w has gpu=3090ti, which is no number"))
    #expect(try !why("gpu=A100").contains("number"))
    #expect(try !why("cores>=4").contains("number"))
  }

  @Test func aDeadlineBeforeTheDelayIsRefused() throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) {
      try world.job {
        $0.delay = .seconds(100)
        $0.deadline = .seconds(5)
      }
    }
    #expect(error?.message.hasPrefix("deadline: ") == true)
    #expect(
      try world.job {
        $0.delay = .seconds(100)
        $0.deadline = .seconds(200)
      } > 0)
  }

  @Test(
    "a run's name is no number, no blanks and no control characters",
    arguments: ["3", "007", " ", "  ", "a\nb", "a\u{1B}[31mb"])
  func names(_ name: String) throws {
    let world = try QueueWorld()
    let error = #expect(throws: PostgresError.self) { try world.submit.createRun(name: name) }
    #expect(error?.sqlState == "PR003" && error?.message.hasPrefix("name: ") == true)
  }
}
