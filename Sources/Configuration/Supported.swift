// What a configuration may say but this version cannot do.

extension ModelConfiguration {
  /// Refuses what is well formed but not built, before any work is done.
  /// - Throws: `ConfigurationError` naming the key
  package func requireSupported() throws {
    guard loss.lpips == 0 else {
      throw ConfigurationError(
        "loss.lpips: \(shortestDecimal(loss.lpips)) is not built yet; use 0")
    }
  }
}
