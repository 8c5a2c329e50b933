// `--array 0-49999%8`: many jobs in one row.

import ArgumentParser
import Configuration
import JobKinds
import JobQueue

struct ArrayOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Enqueue elements A to B as one array, of which at most N attempts run at once; the elements of a "
        + "sample job are its images.",
      valueName: "A-B[%N]"))
  var array: String?
  @Option(
    parsing: .unconditional, help: "Elements per attempt; for sample alone.",
    transform: OptionValue.whole(1...10_000))
  var pack: Int?
  @Option(help: ArgumentHelp("The argument that is set to the element's number.", valueName: "key"))
  var element: String?
  @Flag(help: "Start all elements at the same time, on several workers, or none of them.")
  var gang = false
  @Flag(
    help:
      "Let each element wait for the element of its number in the array of --after, not for all.")
  var elementwise = false

  /// The array that `--array` describes, still without the path of its elements.
  func parsed() throws -> JobArray? {
    guard let array else {
      guard pack == nil, element == nil, !gang, !elementwise else {
        throw ValidationError("--pack, --element, --gang and --elementwise are for --array alone")
      }
      return nil
    }
    guard let match = array.wholeMatch(of: /([0-9]{1,15})-([0-9]{1,15})(?:%([0-9]{1,6}))?/),
      let first = Int64(match.1), let last = Int64(match.2), first <= last
    else {
      throw ValidationError("--array \(array): expected A-B or A-B%N, as in 0-49999%8")
    }
    var result = JobArray(first...last)
    result.limit = match.3.flatMap { Int($0) }
    result.pack = pack ?? 1
    result.isGang = gang
    result.isElementwise = elementwise
    guard 1...1_000_000 ~= result.pack else {
      throw ValidationError("--pack \(result.pack): expected 1 to 1000000")
    }
    guard 1...100_000 ~= result.limit ?? 1 else {
      throw ValidationError("--array \(array): expected %1 to %100000 at once")
    }
    return result
  }

  /// Adds the arguments' path for the elements. `ends` are the options that check both ends of the
  /// array.
  func placed(in array: JobArray, of kind: JobKind) throws -> (JobArray, ends: [[Override]]) {
    var array = array
    let (first, last) = (array.elements.lowerBound, array.elements.upperBound)
    if let element {
      guard array.pack == 1 else {
        throw ValidationError("--pack has no effect with --element: it names one element")
      }
      array.firstPath = element.split(separator: ".").map(String.init)
      return (array, [[try Self.argument(element, last)], [try Self.argument(element, first)]])
    }
    guard let keys = kind.argumentsType.elementKeys else {
      throw ValidationError(
        "--array: name the argument that takes the element, as in --element config.seed")
    }
    array.firstPath = [keys.first]
    array.endPath = [keys.end]
    return (
      array, [[try Self.argument(keys.first, first), try Self.argument(keys.end, last + 1)]]
    )
  }

  /// An argument that no option of its own gives.
  private static func argument(_ key: String, _ value: Int64) throws -> Override {
    let option = try Override("\(key)=\(value)")
    return Override(path: option.path, value: option.value)
  }
}
