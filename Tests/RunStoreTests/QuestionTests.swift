// The questions of docs/analyst.md: each has an answer in a world where all of it has happened.

import DatabaseTesting
import Foundation
import Postgres
import Testing

/// A heading of the page, with its query.
struct Question: Sendable, CustomTestStringConvertible {
  let title: String
  let query: String
  var testDescription: String { title }

  static let all: [Question] = {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/analyst.md")
    let text = (try? String(contentsOf: path, encoding: .utf8)) ?? ""
    return text.split(separator: "\n### ").dropFirst().compactMap { part in
      guard let title = part.split(separator: "\n").first,
        let block = part.firstRange(of: "```sql\n")
      else { return nil }
      let rest = part[block.upperBound...]
      guard let end = rest.firstRange(of: "\n```") else { return nil }
      return Question(title: String(title), query: String(rest[..<end.lowerBound]))
    }
  }()
}

@Suite struct QuestionTests {
  static let world = Result { try Self.makeWorld() }

  @Test func thereAreTwenty() {
    #expect(Question.all.count == 20)
    for (number, question) in Question.all.enumerated() {
      #expect(question.title.hasPrefix("\(number + 1). ") && question.title.hasSuffix("?"))
    }
  }

  @Test func thePageNamesEveryView() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "docs/analyst.md")
    let named = try String(contentsOf: path, encoding: .utf8)
      .matches(of: /(?m)^\| `pra\.([a-z_]+)` \|/).map { String($0.1) }
    let reader = try Self.world.get().connect(.read)
    let views = try reader.query(
      "select viewname::text as name from pg_views where schemaname = 'pra' order by 1"
    ).map { try $0.string("name") }
    #expect(named.sorted() == views)
  }

  @Test(arguments: Question.all) func aQuestionHasAnAnswer(question: Question) throws {
    let database = try Self.world.get()
    let reader = try database.connect(.read)
    try reader.run("set default_transaction_read_only = on")
    let rows = try reader.query(String(question.query.dropLast()))
    #expect(!rows.isEmpty, "\(question.title)")
  }

  /// Two runs of a sweep; `emoji` was resumed once, failed once, drew images and was evaluated.
  private static func makeWorld() throws -> TestDatabase {
    let database = try TestDatabase.create()
    let admin = try database.connect()
    try admin.run(
      """
      select pra.create_run(
        'emoji', '{"config": {"method": "pra", "training": {"lr": 0.001}}}', 'abc123', 'data');
      select pra.create_run(
        'emoji-2', '{"config": {"method": "pra", "training": {"lr": 0.003}}}', 'abc123', 'data');
      select pra.enqueue('ingest', 1, '{"source": "00ff"}');
      select pra.enqueue('train', 1, '{"data": 1}', after => '{1}');
      select pra.enqueue('sample', 1, '{"data": 1, "train": 2}', after => '{2}');
      select pra.enqueue('train', 2, '{"data": 1}');
      select pra.register_worker(
        'a7', '{"host": "a7"}', '{default}', '{ingest,train,sample}', 9, '10 minutes');
      -- As a worker of 0.1.0, whose calls need no token.
      update pra_store.workers set token = null;
      select pra.put_artifact(job, epoch, encode(sha256('data'), 'hex'), 'a/b', 'data')
      from pra.claim(1, 1);
      select pra.finish(1, 1, outputs => jsonb_build_array(jsonb_build_object(
        'name', 'data.packed', 'sha256', encode(sha256('data'), 'hex'), 'media_type', 'a/b')));
      select pra.claim(1, 9);
      """)
    func record(_ job: Int64, _ epoch: Int64, _ steps: String, _ values: String) throws {
      try admin.run(
        """
        insert into pra_store.metric_staging (job_id, epoch, batch, name, steps, "values")
        values (\(job), \(epoch), 1, 'loss', '\(steps)', '\(values)');
        select pra.absorb_metrics(\(job), \(epoch), 1);
        """)
    }
    let file =
      "jsonb_build_array(jsonb_build_object('name', 'x', 'sha256', encode(sha256('data'), 'hex')))"
    try record(2, 1, "{0,1,2}", "{3,2,NaN}")
    try admin.run(
      """
      select pra.register_checkpoint(2, 1, 2, \(file));
      select pra.report_exit(2, 1, 'fault', 'out of memory');
      update pra_store.jobs set run_after = clock_timestamp() where id = 2;
      select pra.claim(1, 9);
      select pra.continue_from(2, 2, 1, 2);
      """)
    try record(2, 2, "{2,3}", "{1.5,1}")
    try record(4, 1, "{0,1,2}", "{3,2.5,2}")
    try admin.run(
      """
      select pra.finish(2, 2, metric_batch => 1);
      select pra.claim(1, 9);
      select pra.finish(
        3, 1, result => '{"step": 4}',
        images => jsonb_build_array(jsonb_build_object(
          'number', 7, 'label', 0, 'class', 'sky', 'seed', 1,
          'sha256', encode(sha256('data'), 'hex'))),
        evaluations => '[
          {"metric": "frechet.random-conv-32-v1", "scope": "overall", "value": 2.5, "images": 1},
          {"metric": "frechet.random-conv-32-v1", "scope": "sky", "value": 3.5, "images": 1}]');
      select pra.finish(4, 1, metric_batch => 1);
      """)
    // Question 9 asks for values that are not finite; the resumed series no longer includes its
    // NaN.
    try admin.run("update pra_store.metric_summaries set not_finite = 1 where job_id = 4")
    return database
  }
}
