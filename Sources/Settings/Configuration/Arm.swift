// Configurations that one run compares: keys `variants` and `seeds` of a run file.

extension RunFile {
  /// One configuration of a run that compares several.
  package struct Arm: Sendable, Equatable {
    /// Name of its variant; arms that differ in their seed alone share it.
    package let name: String
    package let configuration: ModelConfiguration

    /// Configurations of one run, which is stored with all of them.
    private static let most = 1000

    /// Every variant with every seed, in the file's order; empty if neither key is given.
    ///
    /// A seed is used for training and for sampling. Options of the command line override variants.
    /// - Parameters:
    ///   - variants: a mapping from names to settings over `config`
    ///   - seeds: a list of integers
    /// - Throws: `ConfigurationError`
    static func all(
      variants: SettingValue?, seeds: SettingValue?, config: SettingValue, overrides: [Override],
      base: ModelConfiguration?
    ) throws -> [Arm] {
      guard variants != nil || seeds != nil else { return [] }
      let named = try variants.map(settings) ?? [(name: "", overrides: [])]
      let seeded = try seeds.map(Self.seeds) ?? [[]]
      guard named.count * seeded.count <= most else {
        throw ConfigurationError(
          "variants, seeds: make \(named.count * seeded.count) configurations, expected at most \(most)"
        )
      }
      let arms = try named.flatMap { variant in
        try seeded.map { seed in
          do {
            return Arm(
              name: variant.name,
              configuration: try ModelConfiguration.resolve(
                config, overrides: variant.overrides + seed + overrides, base: base))
          } catch let error as ConfigurationError where !variant.name.isEmpty {
            throw ConfigurationError("variants.\(variant.name): \(error)")
          }
        }
      }
      try refuseEqual(arms)
      return arms
    }

    /// Arms that are written differently and mean the same would be trained twice to one outcome.
    private static func refuseEqual(_ arms: [Arm]) throws {
      var known: [String: Arm] = [:]
      for arm in arms {
        guard let other = known.updateValue(arm, forKey: arm.configuration.canonicalJSON) else {
          continue
        }
        guard other.name != arm.name else {
          throw ConfigurationError(
            "seeds: two of them give the same seed, \(arm.configuration.seed); name each once, and no "
              + "seed beside them")
        }
        throw ConfigurationError(
          "variants: '\(other.name)' and '\(arm.name)' are one configuration; keep one of them")
      }
    }

    private static func settings(
      _ variants: SettingValue
    ) throws -> [(name: String, overrides: [Override])] {
      guard case .mapping(let entries) = variants, !entries.isEmpty else {
        throw ConfigurationError(
          "variants: found \(variants.description), expected names with settings, as in "
            + "{clean: {method: clean-input}}")
      }
      return try entries.map { variant in
        guard !variant.key.isEmpty else {
          throw ConfigurationError("variants: '' is no name; expected a name for each")
        }
        switch variant.value {
        case .null: return (variant.key, [])
        case .mapping(let settings):
          return (variant.key, settings.map { Override(path: [$0.key], value: $0.value) })
        default:
          throw ConfigurationError(
            "variants.\(variant.key): found \(variant.value.description), expected settings over "
              + "config, as in {method: clean-input}")
        }
      }
    }

    private static func seeds(_ seeds: SettingValue) throws -> [[Override]] {
      guard case .list(let values) = seeds, !values.isEmpty else {
        throw ConfigurationError(
          "seeds: found \(seeds.description), expected a list, as in [0, 1, 2]")
      }
      return values.map { seed in
        [
          Override(path: ["seed"], value: seed), Override(path: ["sampling", "seed"], value: seed),
        ]
      }
    }
  }
}
