// Pages as functions: rows in, markup out. PRA_UPDATE_GOLDEN=1 writes the golden files anew.

import Foundation
import Pages
import Testing

/// Rows for every page.
enum Example {
  static func table(_ rows: [[String: String?]]) -> Table {
    let columns = rows.flatMap(\.keys).reduce(into: Set<String>()) { $0.insert($1) }.sorted()
    return Table(columns: columns, rows: rows.map { row in columns.map { row[$0] ?? nil } })
  }

  static let at = "2026-11-30 09:30:00.5+00"
  static let job: [String: String?] = [
    "id": "42", "run_id": "7", "run_name": "emoji", "of": "60", "kind": "train", "state": "running",
    "lost_at": nil, "attempt": "3",
    "worker_name": "a7", "workers": "a7", "elements": nil, "elements_done": nil,
    "elements_running": nil,
    "elements_bad": nil, "done": "31400", "total": "40000", "unit": "steps",
    "progress": "31400 of 40000 steps, 6.8/s",
    "message": nil, "waits_for": nil, "gang": "f", "left": "1260", "beat_at": at,
    "beat_seconds": "24", "lease_seconds": "30",
    "reason": "loss is not finite",
    "finished_at": nil, "queue": "default", "priority": "0", "created_by": "ann", "created_at": at,
    "started_at": at,
    "depends_on": "41", "requirements": "vram_gib >= 40", "limits": "licence", "time_limit": nil,
    "deadline": nil,
    "faults": "0 of 3", "lost": "1 of 5", "preemptions": nil, "crash_hosts": "",
    "arguments": "{\"data\": 41}",
    "result": nil,
  ]
  static let run: [String: String?] = [
    "id": "7", "name": "emoji", "state": "running", "note": "a note", "created_by": "ann",
    "created_at": at,
    "started_at": at, "finished_at": nil, "lost_at": nil, "preset": "nano", "seconds": "3600",
    "job": "42",
    "job_state": "running", "attempt": "3", "worker_name": "a7", "beat_at": at, "beat_seconds": "2",
    "lease_seconds": "30", "done": "31400", "total": "40000",
    "unit": "steps", "progress": "31400 of 40000 steps", "left": "1260", "loss": "0.61234",
    "loss_steps": "100",
    "images_per_second": "412.3", "from_step": "28000", "before": "lost", "tags": "wide",
    "last_step": "31399",
    "is_training": "t", "metric": "frechet.random-conv-32-v1", "value": "2.351", "images": "1870",
    "reference": "3fa2b1",
  ]
  static let series: [String: String?] = [
    "run_id": "7", "job_id": "42", "name": "loss", "points": "31400", "not_finite": "1",
    "last_step": "31399",
    "last_value": "0.6123", "min_value": "0.5", "max_value": "1.2", "label": "job 42",
  ]
  static let sampling: [String: String?] = [
    "run_id": "7", "run_name": "emoji", "job_id": "43", "variant": nil, "step": "30000",
    "weights": "ema-0.999",
    "method": "sde", "steps": "100", "scale": "1.5", "seed": "0", "images": "108", "drawn_at": at,
    "preview": "t",
  ]

  static let tables: [String: [String: [[String: String?]]]] = [
    "runs": [
      "runs": [run],
      "changes": [
        ["run_id": "7", "name": "training.lr", "value": "0.002", "preset_value": "0.001"]
      ],
    ],
    "run": [
      "run": [run],
      "why": [
        [
          "job": "44", "kind": "sample", "reason": "dependency",
          "detail": "waits for job 42 (train), which is ready",
        ]
      ],
      "series": [series], "jobs": [job], "samplings": [sampling],
      "settings": [
        ["run_id": "7", "name": "training.lr", "value": "0.002", "preset_value": "0.001"]
      ],
      "evaluations": [
        [
          "metric": "psnr", "value": "21.35", "images": "1870", "reference": "3fa2",
          "step": "40000", "variant": nil,
          "seed": nil, "job_id": "50", "sampling_job": "43",
        ]
      ],
      "checkpoints": [
        ["step": "30000", "job_id": "42", "epoch": "3", "registered_at": at, "bytes": "31400000"]
      ],
    ],
    "queue": [
      "counts": [["running": "14", "failed": "3", "used": "14", "slots": "16"]],
      "waiting": [
        [
          "reason": "run-paused", "detail": "run 9 is paused since \(at)", "jobs": "4",
          "oldest": at,
          "example_job": "60",
          "remedy": "`pra resume 9`", "run_id": "9", "queue": "default", "oldest_seconds": "4320",
        ]
      ],
      "running": [job], "failed": [job],
      "limits": [["name": "licence", "slots": "4", "taken": "4", "held_by": "61, 62"]],
      "preemptions": [
        [
          "job_id": "42", "state": "requested", "reason": "room", "requested_by": "ann",
          "requested_at": at, "deadline": at,
        ]
      ],
      "schedules": [
        [
          "name": "nightly", "cron": "0 3 * * *", "time_zone": "UTC", "kind": "evaluate",
          "run_name": "emoji",
          "next_at": at, "paused_at": nil, "last_error": nil,
        ]
      ],
    ],
    "job": [
      "job": [job], "why": [["reason": "in-line", "detail": "3 places are free"]],
      "attempts": [
        [
          "epoch": "1", "worker_name": "a7", "host": "a7", "started_at": at, "ended_at": at,
          "outcome": "lost",
          "exit_code": nil, "exit_signal": "9", "cause": "lease-lost", "message": "no beat",
          "from_step": "28000",
          "continues_epoch": "1", "seconds": "3600", "after_seconds": "0",
        ]
      ],
      "files": [
        [
          "name": "images.packed", "sha256": "3fa2b1", "size": "31400",
          "media_type": "application/octet-stream",
        ]
      ],
    ],
    "workers": [
      "workers": [
        [
          "id": "3", "name": "a7", "state": "live", "running": "1", "slots": "2", "beat_at": at,
          "beat_seconds": "2",
          "lease_seconds": "30", "kinds": "train sample", "queues": "default", "labels": "gpu=h200",
          "version": "0.9",
          "note": nil,
        ]
      ],
      "lost": [
        [
          "day": "2026-11-29", "days": "1", "host": "b1", "attempts": "2", "seconds": "5400",
          "outcomes": "fault, lost", "job": "42", "reason": "no beat for 30 s",
        ]
      ],
      "hosts": [["host": "b1", "blamed_at": at, "until": at, "reason": "3 jobs crashed"]],
      "untaken": [
        [
          "reason": "no-matching-worker", "jobs": "28", "detail": "none has vram",
          "remedy": "start one",
          "example_job": "61",
        ],
        [
          "reason": "in-line", "jobs": "5", "detail": "a place is free", "remedy": "the next claim",
          "example_job": "62",
        ],
      ],
    ],
    "compare": [
      "runs": [
        ["id": "7", "name": "emoji", "state": "succeeded"],
        ["id": "8", "name": "emoji-clean", "state": "succeeded"],
      ],
      "settings": [
        ["name": "method", "run_id": "7", "value": "\"pra\""],
        ["name": "method", "run_id": "8", "value": "\"clean-input\""],
        ["name": "seed", "run_id": "7", "value": "0"],
        ["name": "seed", "run_id": "8", "value": "0"],
      ],
      "figures": [
        [
          "name": "frechet", "run_id": "7", "value": "2.35", "better": "down",
          "ruler": "{\"images\": 1870}",
        ],
        [
          "name": "frechet", "run_id": "8", "value": "4.04", "better": "down",
          "ruler": "{\"images\": 1870}",
        ],
        [
          "name": "kid", "run_id": "7", "value": "0.1", "better": "down",
          "ruler": "{\"images\": 1870}",
        ],
        [
          "name": "kid", "run_id": "8", "value": "0.2", "better": "down",
          "ruler": "{\"images\": 50}",
        ],
        [
          "name": "loss at its end", "run_id": "7", "value": "0.61", "better": "down", "ruler": "",
          "steps": "11",
        ],
        [
          "name": "loss at its end", "run_id": "8", "value": "0.58", "better": "down", "ruler": "",
          "steps": "12",
        ],
        [
          "name": "loss.rec at its end", "run_id": "7", "value": "0.11", "better": "down",
          "ruler": "", "steps": "12",
        ],
        [
          "name": "loss.rec at its end", "run_id": "8", "value": "0.12", "better": "down",
          "ruler": "", "steps": "12",
        ],
      ],
      "seeds": [
        [
          "label": "emoji", "name": "frechet", "median": "2.36", "lowest": "2.35",
          "highest": "2.38", "n": "2",
          "members": "7, 9",
        ],
        [
          "label": "emoji", "name": "kid", "median": nil, "lowest": "0.1", "highest": "0.2",
          "n": "2", "members": "7, 9",
        ],
      ],
      "series": [series],
    ],
    "images": ["samplings": [sampling], "steps": [["step": "15000"], ["step": "30000"]]],
  ]

  /// - Parameter change: replaces each text of the rows
  static func page(_ name: String, acting: Bool = true, _ change: (String) -> String = { $0 })
    -> String
  {
    var frame = Frame()
    frame.root = ["run", "job"].contains(name) ? "../" : ""
    frame.token = acting ? "token" : nil
    let tables = Tables(
      Self.tables[name]!.mapValues { rows in
        table(rows.map { row in row.mapValues { value in value.map(change) } })
      })
    switch name {
    case "runs": return frame.runsPage(tables, more: Query().with("before", "7")).text
    case "run": return frame.runPage(tables).text
    case "queue": return frame.queuePage(tables).text
    case "job": return frame.jobPage(tables).text
    case "workers": return frame.workersPage(tables, version: "1.0").text
    case "compare": return frame.comparePage(tables).text
    default:
      frame.query = Query(parsing: "runs=7&image=3")
      return frame.imagesPage(
        tables, by: "run", classes: [change("flags")],
        nearest: [
          NearestImages(sampling: "43", job: "51", threshold: 8, images: [(1234, 7.25), (56, 12)])
        ]
      ).text
    }
  }
}

@Suite struct GoldenTests {
  static let names = ["compare", "images", "job", "queue", "run", "runs", "workers"]

  private func golden(_ name: String) -> URL {
    URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name).html")
  }

  @Test(arguments: names)
  func pagesAreAsTheGoldenFiles(name: String) throws {
    let page = Example.page(name)
    if ProcessInfo.processInfo.environment["PRA_UPDATE_GOLDEN"] != nil {
      try page.write(to: golden(name), atomically: true, encoding: .utf8)
    }
    #expect(try page == String(contentsOf: golden(name), encoding: .utf8))
  }

  /// Every text of every row, hostile: the markup has the same tags as before, and no attribute is ended.
  @Test(
    arguments: names,
    [
      "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "a\u{0}b\u{1B}[31m",
      "مرحبا \u{202E}dnim",
      "🙂🏳️‍🌈", String(repeating: "wide ", count: 2000),
    ])
  func noTextBecomesMarkup(name: String, hostile: String) {
    let page = Example.page(name) { Double($0) == nil ? hostile : $0 }
    let tags = page.matches(of: /<([a-zA-Z!\/][a-zA-Z0-9]*)/).map { String($0.output.1) }
    let allowed: Set<String> = [
      "!doctype", "html", "head", "meta", "title", "link", "script", "body", "a", "header", "nav",
      "form", "input", "span",
      "button", "div", "main", "h1", "h2", "section", "p", "b", "br", "table", "thead", "tbody",
      "tr", "th", "td", "time",
      "progress", "small", "strong", "select", "option", "img", "noscript", "details", "summary",
      "pre", "code", "label", "svg", "g", "line", "polyline", "circle", "text", "rect", "footer",
    ]
    #expect(Set(tags.filter { !$0.hasPrefix("/") }).subtracting(allowed).isEmpty)
    let scripts = Example.page(name).matches(of: /<script/).count
    #expect(page.matches(of: /<script/).count == scripts)
    #expect(
      !page.contains("<img src=x") && !page.contains("\u{1B}")
    )
    #expect(!page.unicodeScalars.contains("\u{202E}"))
  }

  @Test func rulersThatDifferAreNotCompared() {
    let page = Example.page("compare")
    #expect(page.contains("not compared: the rulers differ"))
    #expect(page.contains("★ 2.350") && !page.contains("★ 0.1000"))
  }

  @Test func aServerThatReadsHasNoButtonsForDeeds() {
    for name in Self.names { #expect(!Example.page(name, acting: false).contains("class=\"act\"")) }
    #expect(Example.page("queue").contains("class=\"act\""))
  }
}
