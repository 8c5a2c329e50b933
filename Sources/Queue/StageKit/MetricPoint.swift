// One value of a series.

/// One value of a series.
package struct MetricPoint: Sendable, Equatable {
  package let name: String
  /// Step of the series, from 0.
  package let step: Int64
  /// May be NaN or infinite.
  package let value: Double

  /// - Parameter name: letters, digits and `_ . / -`, 200 at most, such as `loss/flow`
  package init(name: String, step: Int64, value: Double) {
    precondition(Self.isName(name), "MetricPoint: \"\(name)\" is not the name of a series")
    precondition(step >= 0, "MetricPoint: \(name) at step \(step)")
    self.name = name
    self.step = step
    self.value = value
  }

  /// The check of pra_store.metric_names: the server would refuse every batch that holds another
  /// name.
  private static func isName(_ name: String) -> Bool {
    var first = true
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        break
      case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "-"):
        if first { return false }
      default: return false
      }
      first = false
    }
    return !first && name.utf8.count <= 200
  }
}
