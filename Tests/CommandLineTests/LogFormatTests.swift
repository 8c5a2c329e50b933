import Foundation
import Testing

/// `--log-format json`, with any verb.
@Suite struct LogFormatTests {
  private func objects(_ errors: String) throws -> [[String: String]] {
    try errors.split(separator: "\n").map {
      try #require(
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String], "\($0)")
    }
  }

  @Test func anErrorIsOneObject() throws {
    let world = try World()
    for words in [
      ["job", "99", "--log-format", "json"], ["--log-format=json", "job", "99"],
    ] {
      let outcome = try Outcome(
        words, environment: ["PRA_DATABASE_URL": world.database.url.conninfo], in: world.folder)
      let lines = try objects(outcome.errors)
      #expect(outcome.status == 3 && lines.count == 1)
      #expect(lines[0]["level"] == "error" && lines[0]["message"] == "there is no job 99")
      let time = try #require(lines[0]["time"])
      #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
    }
    let wrong = try world.pra("jobs", "--log-format", "xml")
    #expect(wrong.status == 2 && wrong.errors.contains("--log-format xml: expected text or json"))
    // Behind -- nothing is an option.
    #expect(try world.pra("job", "--", "--log-format").errors.hasPrefix("error: "))
  }

  @Test func aWorkersLinesNameWorkerJobAndAttempt() throws {
    let world = try World()
    try world.admin.run("select pra.enqueue('train', pra.create_run('r'), '{}')")
    let outcome = try world.pra(
      "worker", "--until-idle", "--name", "a \"b\"", "--gpus", "0", "--log-format", "json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = try objects(outcome.errors)
    #expect(lines.allSatisfy { $0["worker"] == "a \"b\"" && $0["time"] != nil })
    let started = lines.first { $0["message"]?.hasSuffix("attempt 1 started") == true }
    #expect(started?["job"] == "1" && started?["attempt"] == "1" && started?["level"] == "info")
    #expect(lines.contains { $0["level"] == "notice" && $0["job"] == "1" })
  }
}
