import DatabaseTesting
import Foundation
import Testing

@testable import Agent

/// The state of a job after each kind of end of its stage.
@Suite struct OutcomeTests {
  @Test func aSucceededJobLeavesItsOutputAndNoFolder() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "succeed"}"#)
    let agent = try world.agent("a", "idle=true")
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job) == "succeeded 0")
    #expect(try world.text("select name from pra.outputs") == "note.txt")
    #expect(world.scratch.isEmpty)
    #expect(
      try world.text("select state || ' ' || stop_reason from pra.workers")
        == "stopped deregistered")
  }

  @Test(arguments: [
    ("refuse", "permanent 65 image 7 of emoji.tar is no PNG"),
    ("fail", "fault 70 the disk is on fire"),
    ("crash", "fault signal 11 the stage was ended by signal 11 (segmentation fault)"),
    ("nothing", "fault 0 the stage ended without having committed anything"),
  ])
  func aFailureIsClassifiedAndSaysWhy(act: String, end: String) throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "\#(act)"}"#, "fault_retries => 0")
    #expect(try world.agent("a", "idle=true").end() == .code(0))
    #expect(try world.end(job) == end)
    #expect(try world.state(job) == "failed")
  }

  @Test func everyLineOfALongLogArrives() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "print", "count": 100000}"#)
    #expect(try world.agent("a", "idle=true").end() == .code(0))
    let lines = try world.log(job).split(separator: "\n").dropFirst()
    #expect(lines.elementsEqual((0..<100_000).lazy.map { "line \($0)" }, by: { $0 == $1 }))
  }

  /// The contract of the kind, which marks one field as a secret, and the worker's file.
  private func marked(_ world: World, _ rules: String) throws -> String {
    try world.admin.run(
      """
      select pra.set_kind('test', '{"type": "object", "properties": {"secret":
        {"type": "string", "secret": true}, "act": {"type": "string"}}}')
      """)
    let file = "\(world.folder)/secrets"
    try rules.write(toFile: file, atomically: false, encoding: .utf8)
    chmod(file, 0o600)
    return file
  }

  @Test("a secret reaches its stage, and neither database nor log")
  func secrets() throws {
    let world = try World()
    let file = try marked(world, "team.key * test\n")
    let job = try world.enqueue(
      #"{"act": "tell", "secret": "secret://team.key"}"#, "fault_retries => 0")
    let agent = try world.agent(
      "a", "idle=true",
      environment: ["PRA_SECRET_TEAM_KEY": "open-sesame \"1\"", "PRA_SECRETS_FILE": file])
    #expect(try agent.end() == .code(0))
    #expect(try world.log(job).contains("it is [redacted]\n"))
    #expect(try world.end(job) == "fault 70 never say [redacted]")
    #expect(
      try world.text("select arguments ->> 'secret' from pra.jobs") == "secret://team.key")
    #expect(!agent.output.contains("sesame"))
    for table in ["jobs", "attempts", "events", "log_chunks", "workers"] {
      #expect(
        try world.text(
          "select count(*) from pra_store.\(table) as t where strpos(t::text, 'sesame') > 0") == "0"
      )
    }
  }

  @Test("what a stage records holds no secret", arguments: ["s3cr3t", "ab1", "line one\nline two"])
  func recordedSecrets(value: String) throws {
    let world = try World()
    let file = try marked(world, "team.key * *\n")
    let told = try world.enqueue(#"{"act": "record", "secret": "secret://team.key"}"#)
    let packed = try world.enqueue(#"{"act": "pack", "secret": "secret://team.key"}"#)
    let environment = ["PRA_SECRET_TEAM_KEY": value, "PRA_SECRETS_FILE": file]
    #expect(try world.agent("a", "idle=true", environment: environment).end() == .code(0))
    #expect(try world.state(told) == "succeeded")
    #expect(
      try world.text("select result ->> 'said' from pra.jobs where id = \(told)") == "[redacted]")
    #expect(
      try world.text(
        """
        select convert_from(a.bytes, 'UTF8') from pra_store.artifacts as a
        where a.media_type = 'application/json'
        """)?.contains("[redacted]") == true)
    #expect(
      try world.text("select details ->> 'said' from pra.evaluations") == "[redacted]")
    // A name that a series can have is redacted, too.
    if value == "s3cr3t" {
      #expect(
        try world.text("select string_agg(distinct name, ' ') from pra.metrics") == "told.redacted")
    }
    #expect(
      try world.end(packed)
        == "permanent 65 data.bin: holds the value of secret://team.key and is not stored")
  }

  @Test("a secret is for the users and kinds of the worker's file")
  func rulesOfSecrets() throws {
    let world = try World()
    let file = try marked(world, "team.key nobody test\n")
    let job = try world.enqueue(#"{"act": "tell", "secret": "secret://team.key"}"#)
    let agent = try world.agent(
      "a", "idle=true", environment: ["PRA_SECRET_TEAM_KEY": "open", "PRA_SECRETS_FILE": file])
    #expect(try agent.end() == .code(0))
    #expect(
      try world.end(job)?.hasPrefix(
        "permanent 65 secret://team.key: PRA_SECRETS_FILE of the worker does not allow it to ")
        == true)
  }

  @Test("a reference of the time before its field was marked is not resolved")
  func unmarkedSecret() throws {
    let world = try World()
    let file = try marked(world, "team.key * *\n")
    let job = try world.enqueue(#"{"act": "tell", "secret": "secret://team.key"}"#)
    try world.admin.run("delete from pra_store.kinds where kind = 'test'")
    let agent = try world.agent(
      "a", "idle=true", environment: ["PRA_SECRET_TEAM_KEY": "open", "PRA_SECRETS_FILE": file])
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job)?.hasPrefix("permanent 65 arguments.secret: the contract") == true)
  }

  @Test("a worker whose file of secrets cannot be read does not start")
  func badFileOfSecrets() throws {
    let world = try World()
    let file = try marked(world, "team.key\n")
    let agent = try world.agent("a", "idle=true", environment: ["PRA_SECRETS_FILE": file])
    #expect(try agent.end() == .code(2))
    #expect(agent.output.contains("\(file), line 1: expected"))
  }

  @Test func aSecretThatTheWorkerLacksIsNamed() throws {
    let world = try World()
    let file = try marked(world, "team.key * *\n")
    let job = try world.enqueue(#"{"act": "tell", "secret": "secret://team.key"}"#)
    #expect(
      try world.agent("a", "idle=true", environment: ["PRA_SECRETS_FILE": file]).end() == .code(0))
    #expect(
      try world.end(job)
        == "permanent 65 secret://team.key: the worker has no PRA_SECRET_TEAM_KEY in its environment"
    )
  }

  @Test func aStageOverItsTimeLimitIsStopped() throws {
    let world = try World()
    let job = try world.enqueue(
      #"{"act": "hang"}"#, "time_limit => '1 second', timeout_retries => 0")
    #expect(try world.agent("a", "idle=true").end() == .code(0))
    #expect(try world.end(job) == "timeout 75 over its time limit")
  }

  /// The heartbeat interval is far longer than the test may take, so the notification must wake the
  /// agent (G5).
  @Test(arguments: ["hang", "deaf"])
  func aRunningJobIsCancelledBetweenBeats(act: String) throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "\#(act)"}"#)
    let agent = try world.agent("a", "lease=200", "beat=100", "idle=true")
    let process = try world.process(job)
    _ = try world.text("select pra.cancel(\(job))")
    #expect(try agent.end() == .code(0))
    #expect(try world.state(job) == "cancelled")
    #expect(!isAlive(process))
  }

  @Test func aPreemptedJobGoesOnFromItsCheckpoint() throws {
    let world = try World()
    let job = try world.enqueue(#"{"act": "train", "count": 20, "every": 3, "hold": 7}"#)
    let agent = try world.agent("a", "lease=200", "beat=100", "idle=true")
    _ = try world.process(job)
    _ = try world.text("select pra.preempt(\(job))")
    #expect(try agent.end() == .code(0))
    #expect(try world.end(job) == "preempted 75 preempted")
    #expect(try world.state(job) == "succeeded")
    #expect(try world.series(job) == ["0...6 of 1", "7...19 of 2"])
  }

  @Test func aSchemaThatTheAgentDoesNotKnowIsRefused() throws {
    let world = try World()
    try world.admin.run(
      """
      update pra_store.migrations set version = 9999 where version = (select max(version) from pra_store.migrations);
      update pra_store.compatibility set works_from = 9999
      """)
    let agent = try world.agent("a", "idle=true")
    #expect(try agent.end() == .code(2))
    #expect(agent.output.contains("the schema is at 9999"))
    #expect(try world.text("select count(*) from pra.workers") == "0")
  }

  @Test func twoHostsShareARun() throws {
    let world = try World()
    let left = try world.enqueue(#"{"act": "succeed"}"#, "requirements => '{host=a}'")
    let right = try world.enqueue(
      #"{"act": "succeed"}"#, "requirements => '{host=b}', after => '{\(left)}'")
    let last = try world.enqueue(
      #"{"act": "succeed"}"#, "requirements => '{host=a}', after => '{\(right)}'")
    let agents = [
      try world.agent("one", "label.host=a"), try world.agent("two", "label.host=b"),
    ]
    try wait { try world.state(last) == "succeeded" }
    #expect(
      try world.text("select string_agg(worker_name, ' ' order by job_id) from pra.attempts")
        == "one two one")
    for agent in agents {
      agent.signal(SIGTERM)
      #expect(try agent.end() == .code(0))
    }
  }
}
