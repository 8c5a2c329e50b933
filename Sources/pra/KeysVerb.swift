// Keys of run files and of job kinds, and the presets.

import ArgumentParser
import Configuration
import Files
import Foundation
import JobKinds

struct Keys: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Explain the keys of run files, or the arguments of a kind of jobs.",
    discussion: """
      Prints every key with its type, default (that of the preset nano, and of others where they differ) and meaning; \
      with a name that key and the keys below it. \
      The same is the page docs/keys.md.
      Example: pra keys sampling
      Example: pra keys training.lr --json
      Example: pra keys --kind probe
      """)

  @Argument(
    help: "A key, or the beginning of keys, as in training or training.lr.",
    completion: .list(Key.all.map(\.name)))
  var name: String?

  @Option(
    help: ArgumentHelp("Explain the arguments of this kind of jobs.", valueName: "kind"),
    completion: .list(JobKindName.all))
  var kind: String?

  @Flag(help: "Print the keys as a JSON array.")
  var json = false

  func run() throws {
    let all = try kind.map { try JobKind(named: $0).keys } ?? Key.all
    let keys = try name.map { try Key.under($0, among: all) } ?? all
    printExactly(
      json
        ? "[\n\(keys.map(\.json).joined(separator: ",\n"))\n]"
        : keys.map { $0.text(among: keys) }.joined(separator: "\n"))
  }
}

struct Presets: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the presets: parameters, images, length of training, memory.",
    discussion: """
      A run file names a preset, as in config: {preset: micro}, and changes single keys of it (pra keys); one that names \
      none has nano. Parameters count everything \
      that is trained, with so many classes. Memory is that of weights, gradients, moments and averages \
      in training; activations come on top, by the size of a batch: training.micro_batch and \
      training.recompute lower them. A checkpoint is what lies in the store for each one that is kept.
      Example: pra presets --classes 10
      """)

  @Option(
    parsing: .unconditional, help: "Number of classes of the data set. (default: 1000)",
    transform: OptionValue.whole(1...1_000_000))
  var classes = 1000
  @OptionGroup var output: OutputOptions

  func run() throws {
    let all = Preset.allCases.map { PresetSize($0, classes: classes) }
    if output.json {
      printExactly("[\n\(all.map(\.json).joined(separator: ",\n"))\n]")
      return
    }
    print(
      Table(
        header: [
          "preset", "parameters", "image", "patch", "batch", "length", "memory", "checkpoint",
        ],
        rows: all.map(\.cells)))
  }
}

/// The figures of a preset, from its configuration and the shapes of its tensors.
private struct PresetSize {
  private let name: String
  private let configuration: ModelConfiguration
  private let parameters: Int

  init(_ preset: Preset, classes: Int) {
    (name, configuration) = (preset.rawValue, preset.configuration)
    parameters = configuration.parameterCount(classes: classes)
  }

  /// Weights, gradients, two moments, and each average, in float32.
  private var memory: Int { 4 * parameters * (4 + configuration.training.ema.count) }
  /// The same without gradients.
  private var checkpoint: Int { 4 * parameters * (3 + configuration.training.ema.count) }

  private var length: String {
    configuration.training.epochs.map { "\(shortestDecimal($0)) epoch\($0 == 1 ? "" : "s")" }
      ?? counted(configuration.training.total, "step")
  }

  var cells: [String] {
    let image = configuration.image
    return [
      name, String(format: "%.1fM", Double(parameters) / 1e6),
      "\(image.size)x\(image.size)x\(image.channels)", String(image.patch),
      String(configuration.training.batch), length, ByteCount.words(Int64(memory)),
      ByteCount.words(Int64(checkpoint)),
    ]
  }

  var json: String {
    JSONText.object([
      ("preset", JSONText.string(name)), ("parameters", String(parameters)),
      ("image_size", String(configuration.image.size)),
      ("image_channels", String(configuration.image.channels)),
      ("patch", String(configuration.image.patch)),
      ("batch", String(configuration.training.batch)),
      (
        "steps",
        configuration.training.epochs == nil ? String(configuration.training.total) : "null"
      ),
      ("epochs", configuration.training.epochs.map(shortestDecimal) ?? "null"),
      ("memory_bytes", String(memory)), ("checkpoint_bytes", String(checkpoint)),
    ])
  }
}

extension Key {
  /// The entry for people: name, values and default, and the meaning below them.
  /// - Parameter shown: the whole list; a source that its section has shown is left out
  fileprivate func text(among shown: [Key]) -> String {
    let title = isSection && standard == nil ? name : "\(name)  \(values.words(unit: unit))"
    let section = name.split(separator: ".").dropLast().joined(separator: ".")
    let isRepeated = shown.contains { $0.name == section && $0.source == source }
    let reference = isRepeated ? nil : source.map { "[\($0)]" }
    return wrapped(
      [title, defaultWords].compactMap(\.self).joined(separator: "; "), width: 80, indent: "",
      later: "    ")
      + "\n"
      + wrapped(
        [meaning, reference].compactMap(\.self).joined(separator: " "), width: 80, indent: "    ",
        later: "    ")
  }

  /// As in "default 25 (100 in pra-s, pra-b, pra-l)"; nil for a key without one.
  fileprivate var defaultWords: String? {
    guard let standard else { return isRequired ? "required" : nil }
    var others: [(json: String, presets: [String])] = []
    for (preset, json) in presets.map({ ($0.preset.rawValue, $0.json) }) {
      if let place = others.firstIndex(where: { $0.json == json }) {
        others[place].presets.append(preset)
      } else {
        others.append((json, [preset]))
      }
    }
    let words = others.map { "\(Self.plain($0.json)) in \($0.presets.joined(separator: ", "))" }
    return "default \(Self.plain(standard))"
      + (words.isEmpty ? "" : " (\(words.joined(separator: "; ")))")
  }

  /// A value as people write it: without quotes, 2 for 2.0, blanks after commas.
  private static func plain(_ json: String) -> String {
    json.replacing("\"", with: "").replacing(",", with: ", ").replacing(/\.0(?![0-9])/, with: "")
  }
}

/// A text in lines of at most so many characters, where its words allow it. Blanks within a line stay.
private func wrapped(_ text: String, width: Int, indent: String, later: String) -> String {
  var lines: [String] = []
  var line = indent
  var isEmpty = true
  for word in text.split(separator: " ", omittingEmptySubsequences: false) {
    if !isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      (line, isEmpty) = (later, true)
    }
    line += isEmpty ? word : " " + word
    isEmpty = false
  }
  return (lines + [line]).joined(separator: "\n")
}
