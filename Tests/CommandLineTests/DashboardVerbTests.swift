// `pra dashboard`, as far as it refuses to start.

import Testing

@Suite struct DashboardVerbTests {
  @Test(
    arguments: [
      (["--listen", "0.0.0.0:0"], "it needs --token-file, or --user-header"),
      (["--listen", "8700"], "--listen 8700: expected unix:PATH or an IPv4 address"),
      (["--actors", "people"], "--actors needs --actions"),
      (["--actions", "--actors", "people"], "--actors needs --user-header"),
      (["--token-file", "none"], "--token-file none: cannot be read"),
    ])
  func refusals(options: [String], message: String) throws {
    let world = try World()
    let outcome = try Outcome(
      ["dashboard"] + options, environment: ["PRA_DATABASE_URL": world.database.url.conninfo],
      in: world.folder)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  /// Nobody could reach pages whose address was not told.
  @Test func anAddressThatCannotBePrintedEndsIt() throws {
    let world = try World()
    let outcome = try Outcome.shell(
      #""$PRA" dashboard > /dev/full"#,
      environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
    #expect(outcome.status == 2, "\(outcome)")
    #expect(outcome.errors.contains("the address cannot be written: No space left"), "\(outcome)")
  }
}
