// A run file from a run's stored configuration: the same run again.

extension RunFile {
  /// The keys of a run file, every one of its configuration included.
  ///
  /// Variants and seeds are written as they differ from `config`, so that they mean the same over any preset.
  /// - Parameters:
  ///   - name: name of the run
  ///   - stored: its stored configuration (`pra.runs.configuration`)
  ///   - data: value of `data` in the place of the stored one, whose path is relative to a file that nobody knows
  ///   - start: value of `init` in the place of the stored one, for the same reason
  package static func again(
    name: String, stored: SettingValue, data: SettingValue?, start: SettingValue?
  ) -> SettingValue {
    let config = stored[key: "config"] ?? .null
    var file = SettingValue.mapping([SettingValue.Entry(key: "name", value: .string(name))])
    file = file.setting(["data"], to: data ?? stored[key: "data"] ?? .null)
    if let start { file = file.setting(["init"], to: start) }
    file = file.setting(["config"], to: withoutReplacedTotal(config))
    if case .list(let arms)? = stored[key: "arms"] { file = file.adding(arms, over: config) }
    if let sample = stored[key: "sample"] { file = file.setting(["sample"], to: sample) }
    if let preview = stored[key: "preview"] { file = file.setting(["preview"], to: preview) }
    if let commands = stored[key: "commands"] { file = file.setting(["commands"], to: commands) }
    if let evaluate = stored[key: "evaluate"], evaluate != .boolean(false) {
      file = file.setting(["evaluate"], to: evaluate)
    }
    return file
  }

  /// `training.epochs` replaces `training.total`, which is refused beside it.
  private static func withoutReplacedTotal(_ config: SettingValue) -> SettingValue {
    let epochs = config[key: "training"]?[key: "epochs"] ?? .null
    return epochs == .null ? config : config.removing(["training", "total"])
  }
}

extension SettingValue {
  /// Keys `variants` and `seeds` for arms of a stored configuration.
  /// - Parameter arms: mappings with `name` and `config`
  fileprivate func adding(_ arms: [SettingValue], over config: SettingValue) -> SettingValue {
    var variants: [(name: String, settings: SettingValue)] = []
    var seeds: [SettingValue] = []
    let areSeeded = Set(arms.compactMap { $0[key: "name"]?.description }).count < arms.count
    for arm in arms {
      guard case .string(let name)? = arm[key: "name"], let own = arm[key: "config"] else {
        continue
      }
      let seed = own[key: "seed"] ?? .null
      if areSeeded, !seeds.contains(seed) { seeds.append(seed) }
      guard !variants.contains(where: { $0.name == name }) else { continue }
      // A seed of `seeds` is the one of sampling, too.
      let differing = config.differences(to: own).filter {
        !areSeeded || $0.path != ["seed"] && ($0.path != ["sampling", "seed"] || $0.value != seed)
      }
      variants.append(
        (name, differing.reduce(SettingValue.mapping([])) { $0.setting($1.path, to: $1.value) }))
    }
    var file = self
    if !variants.contains(where: { $0.name.isEmpty }) {
      file = file.setting(
        ["variants"], to: .mapping(variants.map { Entry(key: $0.name, value: $0.settings) }))
    }
    if !seeds.isEmpty { file = file.setting(["seeds"], to: .list(seeds)) }
    return file
  }
}
