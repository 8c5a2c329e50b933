// Very many at once, and what is too large.

import JobQueue
import Postgres
import Testing

@Suite struct SizeTests {
  private func arguments(_ count: Int) -> String {
    "[" + (0..<count).map { #"{"seed": \#($0), "name": "element \#($0)"}"# }.joined(separator: ",")
      + "]"
  }

  @Test("elements with arguments of their own get theirs, whatever the pack", arguments: [1, 4, 7])
  func ownArguments(pack: Int) throws {
    let world = try QueueWorld()
    let id = try world.submit.enqueueMany(
      kind: "train", run: world.run, arguments: arguments(10), pack: pack, idempotencyKey: "k")
    let claimed = try world.workers.claim(worker: try world.worker(), count: 20)
    #expect(claimed.count == (10 + pack - 1) / pack)
    #expect(
      try world.value(
        """
        select string_agg(seed, ',' order by seed::integer)
        from pra.jobs as j cross join lateral (
          select e ->> 'seed' as seed
          from jsonb_array_elements(coalesce(j.arguments -> 'elements', jsonb_build_array(j.arguments))) as e
        ) as s
        where j.array_id = \(id)
        """) == (0..<10).map(String.init).joined(separator: ","))
    #expect(
      try world.submit.enqueueMany(
        kind: "train", run: world.run, arguments: arguments(10), pack: pack, idempotencyKey: "k")
        == id)
    let other = arguments(10).replacing("element 9", with: "another")
    let error = #expect(throws: PostgresError.self) {
      try world.submit.enqueueMany(
        kind: "train", run: world.run, arguments: other, pack: pack, idempotencyKey: "k")
    }
    #expect(error?.sqlState == "PR004")
  }

  @Test("eight times as many elements with arguments of their own take about eight times as long")
  func linear() throws {
    let world = try QueueWorld()
    func time(_ count: Int) throws -> Duration {
      let text = arguments(count)
      let clock = ContinuousClock()
      return try (0..<3).map { _ in
        try clock.measure {
          _ = try world.submit.enqueueMany(
            kind: "train", run: world.run, arguments: text, pack: 10)
        }
      }.min()!
    }
    // Quadratic: more than thirty times.
    #expect(try time(5000) * 24 > time(40_000))
  }

  @Test("what is too large is refused in a sentence that names it")
  func tooLarge() throws {
    let world = try QueueWorld()
    func refusal(_ body: () throws -> Void) -> String? {
      let error = #expect(throws: PostgresError.self) { try body() }
      #expect(error?.sqlState == "PR003")
      return error?.message
    }
    let large = String(repeating: "x", count: 1_100_000)
    #expect(
      refusal {
        _ = try world.submit.createRun(name: "r", configuration: #"{"a": "\#(large)"}"#)
      } == "configuration: has more than 1048576 bytes of JSON")
    #expect(
      refusal { _ = try world.submit.createRun(name: "r", codeVersion: large) }?.hasPrefix(
        "code_version") == true)
    #expect(
      refusal { _ = try world.job { $0.requirements = ["a=" + large] } }?.hasPrefix(
        "requirements: \"a=xxx") == true)
    #expect(
      refusal { _ = try world.job { $0.requirements = (0..<51).map { "a\($0)=1" } } }
        == "requirements: there are 51, at most 50")
    #expect(
      refusal { _ = try world.worker(labels: #"{"a": "\#(large)"}"#) }?.hasPrefix("labels: ")
        == true)
    let many = (0..<51).map { #""a\#($0)": "1""# }.joined(separator: ",")
    #expect(
      refusal { _ = try world.worker(labels: "{\(many)}") } == "labels: there are 51, at most 50")
    #expect(
      refusal { try world.submit.setWeight(user: large, 2) }?.hasPrefix("name: a user") == true)
  }

  @Test("many jobs are cancelled and retried at once: singles, arrays, gangs, and those that run")
  func manyAtOnce() throws {
    let world = try QueueWorld()
    let worker = try world.worker(slots: 3)
    let running = try world.job()
    let array = try world.job { $0.array = JobArray(0...9) }
    let lease = try world.claimOne(worker)
    #expect(lease.job == running)
    let part = try world.claimOne(worker)
    let gang = try world.job {
      $0.array = JobArray(0...4)
      $0.array?.isGang = true
    }
    let ready = try world.job()
    let child = try world.job { $0.after = [ready] }
    let all = [running, array, gang, ready, child]
    #expect(try world.submit.cancel(many: all + [999_999]) == 5)
    #expect(try world.submit.cancel(many: all) == 0)
    let asked = try world.workers.heartbeat(worker: worker, running: [lease, part])
    #expect(asked.map(\.ask) == [.cancel, .cancel])
    for lease in [lease, part] { try world.workers.reportExit(lease, .cancelled) }
    #expect(
      try world.value("select count(*) from pra.jobs where state <> 'cancelled'") == "0")
    #expect(try world.submit.retry(many: all + [999_999]) == 5)
    #expect(try world.submit.retry(many: all) == 0)
    #expect(
      try world.value(
        """
        select string_agg(state::text, ' ' order by id) from pra.jobs where array_id is null
        """) == "ready ready ready ready blocked")
    #expect(try world.value("select count(*) from pra.events where kind = 'job.retried'") == "5")
  }
}
