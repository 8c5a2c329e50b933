// One training on several machines: the bits of one, whatever happens on the way.

import DatabaseTesting
import Foundation
import Postgres
import Testing

/// The ranks listen on ports of the loopback: network namespaces need rights that not everybody has (ops/machines/check).
@Suite struct RankRunTests {
  let ranks: RankWorld

  init() throws { ranks = try RankWorld() }

  @Test func oneTwoAndFourRanksTrainTheSameWeights() throws {
    for _ in 0..<4 { _ = try ranks.worker() }
    let runs = try ["1", "2", "4"].map { try ranks.run("ranks-\($0)", ranks: $0, total: 55) }
    for run in runs { try ranks.awaitSuccess(run) }
    let weights = try runs.map { try ranks.weights($0) }
    #expect(Set(weights).count == 1, "\(weights)")
    for name in ["loss", "grad_norm", "state.norm", "feedback.ratio"] {
      let series = try runs.map { try ranks.series($0, name) }
      #expect(Set(series).count == 1, "\(name): \(series)")
    }
    #expect(try ranks.series(runs[2]).hasPrefix("55 55 "))
    // Every rank was a stage of its own, and the gang is one job with one bar.
    #expect(
      try ranks.world.rows(
        """
        select count(distinct a.worker_id) from pra.attempts as a join pra.jobs as j on j.id = a.job_id
        where a.run_id = \(runs[2]) and j.array_id is not null
        """) == ["4"])
    #expect(
      try ranks.world.rows(
        "select progress_done, progress_total from pra.jobs where run_id = \(runs[2]) and array_id is null and kind = 'train'"
      ) == ["55 55"])
  }

  @Test func whateverHappensTheWeightsAreThoseOfAnUninterruptedRun() throws {
    let server = try TestServer()
    let ranks = try RankWorld(on: server)
    let workers = try (0..<2).map { _ in try ranks.worker() }
    let run = try ranks.run("disturbed", ranks: "2", total: 130)

    // A rank is killed.
    try ranks.reach(run, steps: 22)
    try wait { workers[1].stage("pra-train").map { kill($0, SIGKILL) == 0 } ?? false }
    try wait { try ranks.history(run).contains { $0.contains("peer-lost") } }
    // A rank stops without a word: it is ended when it has been silent for a lease.
    try ranks.reach(run, steps: 42)
    try wait { workers[0].stage("pra-train").map { kill($0, SIGSTOP) == 0 } ?? false }
    try wait { try ranks.history(run).contains { $0.contains("has not been heard of") } }
    // The database is restarted, and training goes on.
    try ranks.reach(run, steps: 62)
    try server.stop()
    try server.start()
    // One host is drained and comes back: all stop behind one step, with one checkpoint.
    try ranks.reconnect()
    try ranks.reach(run, steps: 82)
    let starts = try ranks.starts(run)
    _ = try ranks.world.answer("drain", "host1")
    try wait { try ranks.history(run).contains { $0.contains("another rank was asked to stop") } }
    _ = try ranks.world.answer("drain", "host1", "--undo")
    try ranks.awaitSuccess(run)

    let history = try ranks.history(run)
    #expect(try ranks.starts(run) == starts + 1, "\(history)")
    let whole = try ranks.run("whole", ranks: "1", total: 130)
    try ranks.awaitSuccess(whole)
    #expect(try ranks.weights(run) == ranks.weights(whole), "\(history)")
    #expect(try ranks.series(run) == ranks.series(whole), "\(history)")
    #expect(try ranks.series(run).hasPrefix("130 130 "))
    // The drain cost no step: the last start goes on where the one before it stopped.
    #expect(
      try ranks.world.rows(
        """
        select from_step - 1 = (select metric_high_water from pra.attempts as b
          where b.job_id = a.job_id and b.epoch = a.epoch - 1)
        from pra.attempts as a join pra.jobs as j on j.id = a.job_id and j.gang
        where a.run_id = \(run) order by a.epoch desc limit 1
        """) == ["t"], "\(history)")
    // Only the rank that was killed has spent a try.
    #expect(
      try ranks.world.rows(
        "select sum(faults), sum(lost), sum(timeouts) from pra.jobs where run_id = \(run) and array_id is not null"
      )
        == ["1 0 0"], "\(history)")
    #expect(try ranks.world.rows("select count(*) from pra.blamed_hosts") == ["0"])
    #expect(try ranks.world.rows("select count(*) from pra_store.gang_meetings") == ["0"])
  }

  /// One of four hosts is lost for good, and the training goes on with two, to the same weights.
  @Test func aGangOfSeveralSizesGoesOnWithFewerHosts() throws {
    let workers = try (0..<4).map { _ in try ranks.worker() }
    let run = try ranks.run("fewer", ranks: "2..4", total: 90)
    try ranks.reach(run, steps: 42)
    func ranksThatRun() throws -> [String] {
      try ranks.world.rows(
        "select count(*) from pra.jobs where run_id = \(run) and array_id is not null and state = 'running'"
      )
    }
    #expect(try ranksThatRun() == ["4"])
    let starts = try ranks.starts(run)
    let rank = try #require(workers[2].stage("pra-train"))
    kill(workers[2].process.processIdentifier, SIGKILL)
    kill(rank, SIGKILL)
    try wait { try ranks.starts(run) > starts && ranksThatRun() == ["2"] }
    try ranks.awaitSuccess(run)
    let history = try ranks.history(run)
    let whole = try ranks.run("whole", ranks: "1", total: 90)
    try ranks.awaitSuccess(whole)
    #expect(try ranks.weights(run) == ranks.weights(whole), "\(history)")
    #expect(try ranks.series(run) == ranks.series(whole), "\(history)")
    #expect(try ranks.series(run).hasPrefix("90 90 "))
  }

  /// Each rank keeps a part of the optimizer; one is killed; both kinds of training go on from the other's checkpoint.
  @Test func ranksThatKeepPartsOfTheOptimizerWriteTheCheckpointsOfOne() throws {
    let workers = try (0..<4).map { _ in try ranks.worker() }
    let shared = try ranks.run("shared", ranks: "2..4", total: 70, "training.shard_optimizer=true")
    try ranks.reach(shared, steps: 42)
    try wait { workers[3].stage("pra-train").map { kill($0, SIGKILL) == 0 } ?? false }
    try ranks.awaitSuccess(shared)
    let history = try ranks.history(shared)
    #expect(history.contains { $0.contains("peer-lost") }, "\(history)")
    let whole = try ranks.run("whole", ranks: "1", total: 70)
    try ranks.awaitSuccess(whole)
    let files = try ranks.checkpoint(whole)
    #expect(
      files.map { $0.split(separator: " ")[0] }
        == ["classes.json", "ema-0.999.safetensors", "model.safetensors", "optimizer.safetensors"])
    #expect(try ranks.checkpoint(shared) == files, "\(history)")
    #expect(try ranks.series(shared) == ranks.series(whole), "\(history)")

    let rank = try ranks.world.rows(
      "select id from pra.jobs where run_id = \(shared) and array_id is not null order by id")[0]
    let log = try ranks.world.answer("logs", rank)
    let kept = try #require(log.firstMatch(of: /keeps ([0-9]+) of ([0-9]+) bytes of moments/))
    #expect(try 3 * #require(Int(kept.1)) < #require(Int(kept.2)) * 2, "\(kept.0)")

    func goOn(_ run: String, _ settings: String...) throws -> [String] {
      let next = try ranks.world.answer(
        ["continue", run, "--total", "85"] + settings.flatMap { ["--set", $0] })
      try ranks.awaitSuccess(next)
      return try ranks.checkpoint(next)
    }
    let alone = try goOn(shared, "training.shard_optimizer=false", "training.ranks=1")
    let spread = try goOn(whole, "training.shard_optimizer=true", "training.ranks=2")
    #expect(alone == spread)
    #expect(alone != files)
  }

  /// The database changes what rank 1 tells of itself on its way, as another version or another data set would tell it.
  @Test(arguments: [
    (line: 3, said: "9.9.9", sentence: ") runs version 9.9.9 of pra, and rank 0 ("),
    (line: 4, said: "feedbeef", sentence: ") reads data set feedbeef, and rank 0 ("),
  ])
  func ranksThatDifferSaySoAndNobodyWaits(line: Int, said: String, sentence: String) throws {
    _ = try ranks.world.rows(
      """
      create function public.another_card() returns trigger language plpgsql as $$
      declare
        lines text[] := string_to_array(convert_from(new.value, 'UTF8'), chr(10));
      begin
        lines[\(line)] := '\(said)';
        new.value := convert_to(array_to_string(lines, chr(10)), 'UTF8');
        return new;
      end $$
      """)
    _ = try ranks.world.rows(
      """
      create trigger another_card before insert on pra_store.gang_meetings
      for each row when (new.rank = 1 and new.key = 'card') execute function public.another_card()
      """)
    for _ in 0..<2 { _ = try ranks.worker() }
    let run = try ranks.run("differ", ranks: "2")
    try wait {
      try ranks.world.rows(
        "select count(*) from pra.jobs where state in ('running', 'ready', 'blocked')")
        == ["0"]
    }
    #expect(try ranks.state(run) == "failed")
    let messages = try ranks.world.rows(
      """
      select distinct a.message from pra.attempts as a join pra.jobs as j on j.id = a.job_id
      where a.run_id = \(run) and a.kind = 'train' and j.array_id is not null and a.outcome = 'permanent'
      """)
    let history = try ranks.history(run)
    #expect(messages.count == 1, "\(history)")
    #expect(
      messages.first?.contains("training.ranks: rank 1 (") == true
        && messages.first?.contains(sentence) == true, "\(history)")
  }

  @Test func ranksThatCannotReachEachOtherSaySo() throws {
    // The second listens at an address of the loopback that the first does not route to: its ports are taken.
    let taken = try Listener()
    _ = try ranks.worker()
    _ = try ranks.worker("--ports", "\(taken.port)-\(taken.port)")
    let run = try ranks.run("apart", ranks: "2")
    try wait {
      try ranks.history(run).contains {
        $0.contains("training.ranks:")
          && $0.contains("no port from \(taken.port) to \(taken.port) is free")
          && $0.contains("check --address, --interface and --ports")
      }
    }
    _ = try ranks.world.answer("cancel", "--run", run)
    try wait {
      try ranks.world.rows(
        "select count(*) from pra.jobs where state in ('running', 'ready', 'blocked')") == ["0"]
    }
  }

  @Test func aRunFileWhoseRanksCannotShareABatchIsRefused() throws {
    let file = try ranks.world.runFile("")
    func refusal(_ settings: String...) throws -> String {
      let outcome = try ranks.world.pra(
        "run", file, "--set", settings[0], "--set", settings[1], "--set", settings[2])
      #expect(outcome.status == 2)
      return outcome.errors
    }
    #expect(
      try refusal("training.batch=48", "training.micro_batch=6", "training.ranks=3").contains(
        "training.ranks: 3 ranks cannot share the 8 parts of a batch (training.batch 48, training.micro_batch 6): each "
          + "takes as many, 1, 2, 4 or another power of two; expected 1, 2, 4, 8"))
    #expect(
      try refusal("training.batch=48", "training.micro_batch=null", "training.ranks=4").contains(
        "training.ranks: 4 ranks cannot share the 1 parts of a batch"))
    #expect(
      try refusal("training.batch=48", "training.micro_batch=6", "training.ranks=8..2").contains(
        "training.ranks: found"))
    #expect(try ranks.world.rows("select count(*) from pra.runs") == ["0"])
  }

  @Test func theOptionRanksIsTheKey() throws {
    let file = try ranks.world.runFile("")
    func plan(_ words: String...) throws -> Outcome {
      try Outcome(
        ["run", file, "--dry-run", "--set", "training.batch=48", "--set", "training.micro_batch=6"]
          + words, environment: [:], in: ranks.world.folder)
    }
    let (option, key) = (
      try plan("--ranks", "2..8"), try plan("--set", "training.ranks=2..8")
    )
    #expect(option.status == 0 && option.output == key.output, "\(option.errors)")
    #expect(option.output.contains("2..8"))
    #expect(
      try plan("--ranks", "3").errors.contains("--ranks: 3 ranks cannot share the 8 parts"))
    let twice = try plan("--ranks", "2", "--set", "config.training.ranks=4")
    #expect(twice.status == 2)
    #expect(
      twice.errors.contains(
        "--ranks: is given by --set config.training.ranks=4, too; give one of the two"))
  }

  @Test func anAddressOfAnotherHostIsRefused() throws {
    let outcome = try ranks.world.pra("worker", "--address", "192.0.2.1", "--until-idle")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains(
        "--address 192.0.2.1: is no address of this host, which has lo 127.0.0.1"))
    let other = try ranks.world.pra("worker", "--interface", "nic77", "--until-idle")
    #expect(
      other.errors.contains(
        "--interface nic77: has no address, or is not there; this host has lo 127.0.0.1"))
  }
}

/// A port of the loopback that somebody else has.
private final class Listener {
  let port: Int
  private let descriptor: Int32

  init() throws {
    let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        _ = bind(made, address, length)
        _ = listen(made, 1)
        _ = getsockname(made, address, &length)
      }
    }
    (descriptor, port) = (made, Int(address.sin_port.bigEndian))
  }

  deinit { close(descriptor) }
}
