// Sentences of the queue as markup: commands, jobs, runs and moments in them are what they name.

extension Frame {
  /// A sentence in which commands stand between backquotes. "job 12" and "run 3" are links, and moments as the database
  /// writes them are the reader's.
  func sentence(_ text: String) -> HTML {
    HTML(
      text.split(separator: "`", omittingEmptySubsequences: false).enumerated().map { place, part in
        place % 2 == 1 ? "<code>\(String(part))</code>" : linked(String(part))
      })
  }

  private func linked(_ text: String) -> HTML {
    var made: HTML = ""
    var rest = text[...]
    let named =
      /\b(?:(?<kind>job|run) (?<number>[0-9]{1,18})\b|(?<at>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?\+00))/
    while let found = try? named.firstMatch(in: rest) {
      made += "\(String(rest[..<found.range.lowerBound]))"
      if let kind = found.kind, let number = found.number {
        let name = "\(kind) \(number)"
        made += "<a href=\"\(root)\(String(kind))s/\(String(number))\">\(name)</a>"
      } else {
        made += moment(found.at.map(String.init))
      }
      rest = rest[found.range.upperBound...]
    }
    return "\(made)\(String(rest))"
  }

  /// Numbers of jobs between commas, each a link.
  func jobLinks(_ numbers: String) -> HTML {
    HTML(
      numbers.split(separator: ",").enumerated().map { place, part in
        let number = String(part.drop(while: { $0 == " " }))
        return "\(place > 0 ? ", " : "")<a href=\"\(root)jobs/\(number)\">\(number)</a>"
      })
  }
}

/// The age of a worker's beat. When one is missing, which is half of the lease after the last, it is the time until the
/// job is given back.
///
/// - Parameter row: with `beat_at`, `beat_seconds` and `lease_seconds`
func beat(_ row: Record) -> HTML {
  let age = row.number("beat_seconds") ?? 0
  guard let lease = row.number("lease_seconds"), age > lease / 2 else {
    return moment(row["beat_at"], isAge: true)
  }
  return age < lease
    ? "<strong class=\"bad\">no beat for \(duration(age)): given back in \(duration(lease - age))</strong>"
    : "<strong class=\"bad\">no beat since \(moment(row["beat_at"], isAge: true))</strong>"
}
