// Without PRA_DATABASE_URL, a private database is created and started when needed.

import Foundation
import Postgres
import Testing

/// A home, and `pra` in it.
private final class PrivateWorld {
  let folder: String
  let home: String

  init() throws {
    folder = "/tmp/pra-home-\(UUID().uuidString)"
    home = "\(folder)/a home"
    // The account that the server runs as must be able to reach it.
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  func pra(_ arguments: String..., environment: [String: String] = [:]) throws -> Outcome {
    try Outcome(
      arguments, environment: ["PRA_HOME": home].merging(environment) { $1 }, in: folder)
  }

  func process() throws -> String {
    try String(contentsOfFile: "\(home)/postgres/data/postmaster.pid", encoding: .utf8)
      .split(separator: "\n").first.map(String.init) ?? ""
  }

  deinit {
    _ = try? pra("down")
    try? FileManager.default.removeItem(atPath: folder)
  }
}

@Suite struct EmbeddedTests {
  @Test func aPrivateDatabaseAppearsAndGoes() throws {
    let world = try PrivateWorld()
    let first = try world.pra("runs")
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.errors == "pra: created a private database under \(world.home)\n")
    #expect(try world.pra("runs").errors.isEmpty)
    #expect(try world.pra("down").output == "stopped\n")
    #expect(try world.pra("down").output == "was not running\n")
    #expect(
      try world.pra("jobs").errors == "pra: started the private database under \(world.home)\n")

    let doctor = try world.pra("doctor", "--json")
    #expect(doctor.output.contains(#"{"check":"database","ok":true"#))
    #expect(doctor.output.contains(#"{"check":"sessions","ok":true"#))
    #expect(try world.pra("up").output.contains("user='pra'"))
  }

  @Test("the address of the private database is that of a reader, or of whom one asks for")
  func theAddressIsPrinted() throws {
    let world = try PrivateWorld()
    let address = try world.pra("database").output.trimmingCharacters(in: .newlines)
    let reader = try Connection(try DatabaseURL(address))
    #expect(
      try reader.query("select current_user::text as name").single().string("name") == "pra_reader")
    #expect(throws: PostgresError.self) { try reader.query("select pra.create_run('x')") }
    #expect(try world.pra("database", "--role", "owner").output.contains("user='pra'"))
    #expect(try world.pra("database", "--role", "nobody").status == 2)
    let given = "host=db.lab dbname=pra password=x"
    #expect(
      try world.pra("database", environment: ["PRA_DATABASE_URL": given]).output
        == "\(try DatabaseURL(given).conninfo)\n")
  }

  /// From cron, sudo and services the folder of the session is another one, none, or gone.
  @Test func theServerIsFoundFromEverySession() throws {
    let world = try PrivateWorld()
    let runtime = "\(world.folder)/runtime"
    try FileManager.default.createDirectory(atPath: runtime, withIntermediateDirectories: false)
    #expect(try world.pra("up", environment: ["XDG_RUNTIME_DIR": runtime]).status == 0)
    let server = try world.process()
    try FileManager.default.removeItem(atPath: runtime)
    for other in [runtime, "", "/nowhere", "/" + String(repeating: "long", count: 40)] {
      let outcome = try world.pra("runs", environment: ["XDG_RUNTIME_DIR": other])
      #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(other): \(outcome.errors)")
    }
    #expect(try world.pra("runs").status == 0)
    #expect(try world.process() == server)
  }

  @Test func homeIsRespectedAndDoctorMakesNothing() throws {
    let world = try PrivateWorld()
    let account = "\(world.folder)/account"
    try FileManager.default.createDirectory(atPath: account, withIntermediateDirectories: false)
    let settings = ["PRA_HOME": "", "HOME": account, "XDG_DATA_HOME": "relative"]
    let doctor = try world.pra("doctor", environment: settings)
    #expect(doctor.output.contains("none yet"))
    #expect(doctor.output.contains("\(account)/.local/share/pra"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: account).isEmpty)
    #expect(!FileManager.default.fileExists(atPath: "\(world.folder)/relative"))
    let down = try world.pra("down", environment: settings)
    #expect(down.output == "was not running\n", "\(down.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: account).isEmpty)
  }

  /// Verbs that read, submit and work do so as logins that can do no more, whatever a query says.
  @Test func aQueryCannotBecomeTheSuperuser() throws {
    let world = try PrivateWorld()
    #expect(try world.pra("sql", "select session_user as it").output.contains("pra_reader"))
    let mark = "\(world.folder)/ran"
    for query in [
      "do $$ begin perform set_config('role', 'none', false); "
        + "execute 'copy (select 1) to program ''touch \(mark)'''; end $$",
      "do $$ begin perform set_config('session_authorization', 'pra', false); "
        + "execute 'copy (select 1) to program ''touch \(mark)'''; end $$",
      "select set_config('role', 'none', false), query_to_xml('select pg_read_file(''/etc/hostname'')', "
        + "true, true, '')",
      "select set_config('role', 'pra_owner', false)", "set role pra",
      "set session authorization pra",
      "select pg_read_file('/etc/hostname')", "select lo_import('/etc/hostname')",
      "copy pra.runs to '/tmp/x'", "select pg_ls_dir('/')", "select pg_reload_conf()",
      "create table public.t (x int)", "select pra.create_run('x')", "create role other superuser",
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pra'",
      "do $$ begin perform set_config('role', 'none', false); perform pg_terminate_backend(pid) "
        + "from pg_stat_activity where usename <> session_user; end $$",
      "create extension dblink", "alter system set work_mem = '1MB'",
    ] {
      let outcome = try world.pra("sql", query)
      #expect(outcome.status != 0, "\(query): \(outcome.output)")
    }
    #expect(!FileManager.default.fileExists(atPath: mark))
    // The address of the superuser, which `pra up` prints, gives a query no more.
    let url = try #require(
      try world.pra("up").output.firstMatch(of: /database: (.*)\n/).map { String($0.1) })
    let reader = try world.pra(
      "sql", "select session_user as it", environment: ["PRA_DATABASE_URL": url])
    #expect(reader.output.contains("pra_reader") && reader.errors.isEmpty, "\(reader.errors)")

    #expect(
      try world.pra(
        "sql", "select rolname from pg_roles where rolcanlogin and rolname ~ '^pra' order by 1"
      )
      .output.split(separator: "\n").dropFirst(2).map { $0.trimmingCharacters(in: .whitespaces) }
        == ["pra", "pra_agent", "pra_reader", "pra_submitter"])
  }

  @Test func noRemedyGivesTheHistoryUp() throws {
    let world = try PrivateWorld()
    let url = try #require(
      try world.pra("up").output.firstMatch(of: /database: (.*)\n/).map { String($0.1) })
    let admin = try Connection(try DatabaseURL(url))
    try admin.run(
      "update pg_proc set probin = '$libdir/missing' where proname = 'plpgsql_call_handler'")
    let jobs = try world.pra("jobs")
    #expect(jobs.status == 4)
    #expect(jobs.errors.contains("pra down, then any command starts it anew with all its data"))
    var found = [try world.pra("doctor").output]
    try admin.run(
      "update pg_proc set probin = '$libdir/plpgsql' where proname = 'plpgsql_call_handler'")
    try admin.run("update pra_store.migrations set sha256 = '' where version = 2")
    found.append(try world.pra("doctor").output)
    try admin.run("alter view pra.schema_versions rename column version to v")
    found.append(try world.pra("doctor").output)
    _ = try world.pra("down")
    try "nonsense".write(
      toFile: "\(world.home)/postgres/data/postgresql.auto.conf", atomically: false, encoding: .utf8
    )
    found.append(try world.pra("doctor").output)
    for text in found {
      let fault = text.firstMatch(of: /FAULT  (database.*)\n +remedy: (.*)\n/)
      let remedy = try #require(fault.map { String($0.2) }, "\(text)")
      for word in ["afresh", "new database", "another PRA_HOME", "remove", "delete"] {
        #expect(!remedy.contains(word), "\(remedy)")
      }
    }
  }

  @Test func aPasswordInAMalformedAddressIsNotRepeated() throws {
    let world = try PrivateWorld()
    for verb in ["jobs", "doctor", "up", "migrate", "worker"] {
      let outcome = try world.pra(
        verb, environment: ["PRA_DATABASE_URL": "postgres://u:geheim@[::1/x"])
      #expect(!(outcome.output + outcome.errors).contains("geheim"))
      if verb != "doctor" { #expect(outcome.status == 2, "\(verb): \(outcome.errors)") }
    }
  }

  @Test func anotherHostIsRefusedInOneSentence() throws {
    let world = try PrivateWorld()
    #expect(try world.pra("up").status == 0)
    let file = "\(world.home)/postgres/host"
    let mark = try String(contentsOfFile: file, encoding: .utf8)
    try mark.replacing(/(host|boot) .*/, with: { "\($0.output.1) elsewhere" })
      .write(toFile: file, atomically: false, encoding: .utf8)
    for verb in ["jobs", "down", "up"] {
      let outcome = try world.pra(verb)
      #expect(outcome.status == 4)
      #expect(
        outcome.errors.hasPrefix(
          "error: the private database in \(world.home)/postgres runs on host elsewhere: "))
    }
    #expect(try world.pra("doctor").output.contains("runs on host elsewhere"))
    try mark.write(toFile: file, atomically: false, encoding: .utf8)
  }
}
