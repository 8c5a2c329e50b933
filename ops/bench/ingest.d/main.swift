// Speed of ingest on one tar of photographs; called by `ops/bench/ingest`. With OUT the results stay there,
// and broken files are left out: `ops/oracle/suites` compares them with Pillow's.

import Files
import Foundation
import Images

let words = CommandLine.arguments
guard words.count == 4 || words.count == 6, let size = Int(words[2]), let threads = Int(words[3]),
  let channels = words.count == 6 ? Int(words[5]) : 3
else {
  print("usage: bench-ingest TAR SIZE THREADS [OUT CHANNELS]")
  exit(2)
}
let isKept = words.count == 6
let folder =
  isKept
  ? words[4]
  : FileManager.default.temporaryDirectory.appending(path: "pra-bench-\(getpid())").path()
try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
Ingest.keepMemory()  // as the stage does
var options = Ingest.Options(size: size, channels: channels, skipLimit: isKept ? Int.max : 0)
options.threads = threads
// One range, which lies behind a header as the one file of earlier versions did.
(options.rangeImages, options.rangeBytes) = (Int.max, Int.max)
let start = ContinuousClock.now
let job = try IngestJob([SourceArchive(path: words[1])], options: options)
let listed = ContinuousClock.now
let records = try [job.pack(0, in: folder)]
let report = try job.listing.assemble(records, skipLimit: options.skipLimit).report
let seconds = (ContinuousClock.now - start) / .seconds(1)
let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
let anonymous = status.split(separator: "\n").first { $0.hasPrefix("RssAnon") } ?? "RssAnon: ?"
print(
  String(
    format: "%.3f %d %.3f %@", seconds, report.training.images, (listed - start) / .seconds(1),
    anonymous.filter(\.isNumber)))
print(report.training.fingerprint)
if isKept {
  try report.json.write(toFile: "\(folder)/report.json", atomically: false, encoding: .utf8)
} else {
  try FileManager.default.removeItem(atPath: folder)
}
