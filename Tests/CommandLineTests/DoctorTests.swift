import Foundation
import Testing

/// `pra doctor` on a shared database.
@Suite struct DoctorTests {
  @Test func sessionsAreComparedWithTheLimit() throws {
    let world = try World()
    let before = try world.pra("doctor")
    #expect(before.output.contains("ok     sessions: "), "\(before.output)")
    _ = try world.rows(
      "select pra.register_worker('big', '{}', '{default}', '{noop}', slots => 100)")
    let after = try world.pra("doctor")
    #expect(after.status == 1)
    #expect(after.output.contains("1 worker may need 203\n"), "\(after.output)")
    #expect(after.output.contains("remedy: set max_connections to 235 or more"), "\(after.output)")
  }

  @Test func aLoginWithoutRightsIsToldSo() throws {
    let world = try World()
    try world.admin.run("create role stranger_\(getpid()) login")
    let url = world.database.url.with("user", "stranger_\(getpid())").conninfo
    let doctor = try world.pra("doctor", environment: ["PRA_DATABASE_URL": url])
    #expect(doctor.output.contains("remedy: grant pra_read, pra_submit or pra_worker to"))
    let jobs = try world.pra("jobs", environment: ["PRA_DATABASE_URL": url])
    #expect(jobs.errors.contains("grant pra_read to \"stranger_\(getpid())\""), "\(jobs.errors)")
  }

  @Test func aQueryOfASuperuserIsWarnedOf() throws {
    let world = try World()
    let outcome = try world.pra("sql", "select 1 as one")
    #expect(outcome.status == 0)
    #expect(outcome.errors.hasPrefix("pra: pra is a superuser, whose rights a query can take"))
  }

  @Test func workersClockAndLoginAreLookedAt() throws {
    let world = try World()
    let before = try world.pra("doctor")
    #expect(before.output.contains("ok     workers: 0 alive, 0 jobs in line\n"), "\(before.output)")
    #expect(
      before.output.contains("ok     dashboard: ")
        && before.output.contains("libmicrohttpd.so.12: loads"))
    #expect(before.output.contains(/ok     clock: \d+\.\d s from the database's\n/))
    #expect(
      before.output.contains(
        /ok     login: \S+ may act as pra_owner, pra_read, pra_submit, pra_worker\n/))
    _ = try world.answer(
      "enqueue", "reference", "--set", "statistics=" + String(repeating: "d", count: 64))
    let after = try world.pra("doctor")
    #expect(after.status == 1)
    #expect(
      after.output.contains(
        "FAULT  workers: 0 alive, 1 job in line\n       remedy: pra worker, here or"))
    _ = try world.rows("select pra.register_worker('one', '{}', '{default}', '{noop}')")
    #expect(try world.pra("doctor").output.contains("ok     workers: 1 alive, 1 job in line"))
  }
}
