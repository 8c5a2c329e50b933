// The top level of a run file, for its reader and for the table of keys.

extension RunFile {
  /// A key of the top level.
  struct TopKey {
    /// Its entry in the table, and those of the keys below it.
    let table: [Key]
    /// Whether an option of the command line replaces it as a whole: `--set name=other`.
    let isPlain: Bool
    /// Whether options replace parts of it: `--set sample.count=7`.
    let isSection: Bool

    var name: String { table[0].name }

    fileprivate init(
      _ name: String, _ values: Values, _ meaning: String, isRequired: Bool = false,
      isPlain: Bool = true
    ) {
      var key = Key(name: name, values: values, meaning: meaning)
      key.isRequired = isRequired
      (table, self.isPlain, isSection) = ([key], isPlain, false)
    }

    /// A mapping from names to sections.
    /// - Parameter name: stands for any of them
    fileprivate init<S: Section>(_ key: String, each section: S, _ name: String, _ meaning: String)
    {
      var own = Key(name: key, values: .optionalSection, meaning: meaning, source: S.source)
      own.isSection = true
      own.setDefaults([(nil, "null")])
      table = [own] + S.keys(at: "\(key).\(name)", [Defaults(preset: nil, root: section)])
      (isPlain, isSection) = (true, false)
    }

    /// - Parameters:
    ///   - section: the section where nothing is given
    ///   - standard: JSON of what it is without being given; nil where it must be given
    fileprivate init<S: Section>(
      _ name: String, _ section: S, _ values: Values, _ meaning: String, standard: String?,
      isPlain: Bool = false
    ) {
      var key = Key(name: name, values: values, meaning: meaning, source: S.source)
      key.isRequired = standard == nil
      key.isSection = true
      if let standard { key.setDefaults([(nil, standard)]) }
      table = [key] + S.keys(at: name, [Defaults(preset: nil, root: section)])
      (self.isPlain, isSection) = (isPlain, true)
    }
  }

  static let topKeys = [
    TopKey("name", Values("text"), "Name of the run, of at most 200 bytes.", isRequired: true),
    TopKey("data", DataSource(), .section, "The images to train on.", standard: nil),
    TopKey(
      "init", Start(), .optionalSection,
      "Weights that training begins with; null for the first weights of `seed`.",
      standard: "null"),
    TopKey(
      "config", .section,
      "The configuration, as in `config: {training: {lr: 3e-4}}`; in `--set` and in this table its "
        + "keys stand without `config`.",
      isPlain: false),
    TopKey(
      "variants", .section,
      "Settings over `config`, by a name for each: every variant is trained, and all are compared."),
    TopKey(
      "seeds", Values.list(of: .seed, "list of integers"),
      "Seeds with which the configuration, or each variant, is trained and sampled."),
    TopKey(
      "sample", Sample(), .optionalSection,
      "How many images are drawn, and in how many jobs; how they are drawn is `sampling`, below `config`. Null "
        + "ends the run with training.", standard: "null"),
    TopKey(
      "preview", Preview(), .optionalSection,
      "Images that are drawn while training goes on, by jobs that come after all others and for which the run does "
        + "not wait; beside the training they need a second place, as of `pra worker --slots 2`; null for none.",
      standard: "null"),
    TopKey(
      "evaluate", InceptionEvaluation(), Values("true, false or mapping"),
      "Whether drawn images are evaluated: `true` by random features, a mapping by those of "
        + "Inception-v3 besides.",
      standard: "false", isPlain: true),
    TopKey(
      "commands", each: Command(), "NAME",
      "Programs of your own that read what the run has made, by a name for each; null for none. Workers with "
        + "`--allow-commands` run them."),
  ]

  static let names = topKeys.map(\.name)
  static let plainNames = topKeys.filter(\.isPlain).map(\.name)
  static let sectionNames = topKeys.filter(\.isSection).map(\.name)
}
