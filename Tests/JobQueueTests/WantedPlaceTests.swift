// pra.demand: what it says is possible is claimed, and nothing else is.

import JobQueue
import Postgres
import Testing

@Suite struct WantedPlaceTests {
  /// Rows as `kind requirements places possible free`.
  private func demand(_ world: QueueWorld) throws -> [String] {
    try world.administrator.query(
      """
      select concat_ws(' ', kind, (select string_agg(concat(r ->> 'label', r ->> 'op', r ->> 'value'), ' ')
        from jsonb_array_elements(requirements) as r), time_limit, places, possible, free) as row
      from pra.demand order by kind, requirements::text, time_limit, possible
      """
    ).map { try $0.string("row") }
  }

  @Test func anArrayWantsAPlaceForEachPartAndAGangAllOfThem() throws {
    let world = try QueueWorld()
    _ = try world.job { $0.array = JobArray(0...39) }
    #expect(try demand(world) == ["train 40 f 0"])
    _ = try world.job("sample") {
      $0.array = JobArray(0...9)
      $0.array?.pack = 4
    }
    #expect(try demand(world) == ["sample 3 f 0", "train 40 f 0"])
    let worker = try world.worker(slots: 100)
    _ = try world.workers.claim(worker: worker, count: 5)
    #expect(
      try world.value("select sum(places)::text || ' ' || min(free) from pra.demand") == "38 95")
  }

  @Test func aGangThatTheFleetCannotHoldIsToldApart() throws {
    let world = try QueueWorld()
    _ = try world.job {
      $0.array = JobArray(0...3)
      $0.array?.isGang = true
    }
    _ = try world.worker(slots: 3)
    #expect(try demand(world) == ["train 4 f 3"])
    _ = try world.worker(slots: 1)
    #expect(try demand(world) == ["train 4 t 4"])
  }

  @Test func whatMayNotStartNowWantsNoPlace() throws {
    let world = try QueueWorld()
    let parent = try world.job()
    _ = try world.job("sample") { $0.after = [parent] }
    _ = try world.job("sample") { $0.delay = .seconds(100) }
    try world.administrator.run("select pra.set_limit('licence', 2), pra.set_limit('none', 0)")
    for _ in 0..<5 { _ = try world.job("sample") { $0.limits = ["licence"] } }
    _ = try world.job("sample") { $0.limits = ["none"] }
    // Both of its limits have to have a slot: the licences are others'.
    try world.administrator.run("select pra.set_limit('disk', 9)")
    _ = try world.job("sample") { $0.limits = ["disk", "licence"] }
    #expect(try demand(world) == ["sample 2 f 0", "train 1 f 0"])
    try world.administrator.run("select pra.pause_run(\(world.run))")
    #expect(try demand(world).isEmpty)
  }

  @Test func timeAndLabelsDecide() throws {
    let world = try QueueWorld()
    _ = try world.job { $0.requirements = ["vram_gib>=40"] }
    _ = try world.job { $0.timeLimit = .seconds(3600) }
    _ = try world.job { $0.timeLimit = .seconds(30) }
    let leaving = try world.workers.register(
      name: "w", labels: #"{"vram_gib": "24"}"#, kinds: ["train"], slots: 8, stays: .seconds(600))
    #expect(
      try demand(world) == [
        "train 00:00:30 1 t 8", "train 01:00:00 1 f 0", "train vram_gib>=40 1 f 0",
      ])
    #expect(try world.workers.claim(worker: leaving, count: 8).count == 1)
    _ = try world.worker(labels: #"{"vram_gib": "80"}"#)
    #expect(
      try demand(world) == ["train 01:00:00 1 t 100", "train vram_gib>=40 1 t 100"])
  }

  /// Worlds by a seed: jobs, arrays, limits, labels and lifetimes of many sorts.
  @Test("what is possible is claimed, and nothing else is", arguments: 0..<6)
  func agreement(seed: Int) throws {
    let world = try QueueWorld()
    var random = Sequence(UInt64(seed) &+ 1)
    try world.administrator.run("select pra.set_limit('a', 3), pra.set_limit('b', 2)")
    for _ in 0..<30 {
      _ = try world.job(random.of(["train", "sample"])) { job in
        job.requirements = random.of([[], ["gpu=H200"], ["vram_gib>=40"], ["gpu!=H200"]])
        job.limits = random.of([[], [], [], ["a"], ["a", "b"]])
        job.timeLimit = random.of([nil, .seconds(60), .seconds(7200)])
        if random.of([false, false, true]) {
          job.array = JobArray(0...random.of([1, 6]))
          job.array?.pack = random.of([1, 2])
        }
      }
    }
    let workers = try (0..<3).map { _ in
      try world.workers.register(
        name: "w",
        labels: random.of([#"{"gpu": "H200", "vram_gib": "141"}"#, #"{"vram_gib": "24"}"#, "{}"]),
        kinds: random.of([["train"], ["train", "sample"]]), slots: 300,
        stays: random.of([nil, .seconds(600)]))
    }
    let possible = Int64(
      try world.value("select coalesce(sum(places), 0) from pra.demand where possible") ?? "")
    var claimed = 0
    var misses = 0
    while misses < 2 {
      let count = try workers.map { try world.workers.claim(worker: $0, count: 7).count }
        .reduce(0, +)
      claimed += count
      misses = count == 0 ? misses + 1 : 0
    }
    #expect(possible == Int64(claimed))
    #expect(try world.value("select count(*) from pra.demand where possible") == "0")
  }
}

/// Numbers by a seed (SplitMix64).
private struct Sequence {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func of<Value>(_ values: [Value]) -> Value {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return values[Int((z ^ (z >> 31)) % UInt64(values.count))]
  }
}
