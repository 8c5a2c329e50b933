// Style, scripts and icon, under names that carry their hash.

import CAssets
import Digest

struct Assets: Sendable {
  struct Asset: Sendable {
    let type: String
    let bytes: [UInt8]
  }

  /// Assets by their names with hashes, and those names by the plain ones.
  let byName: [String: Asset]
  let names: [String: String]

  init() {
    var byName: [String: Asset] = [:]
    var names: [String: String] = [:]
    var count = 0
    for asset in UnsafeBufferPointer(start: dashboard_assets(&count), count: count) {
      let plain = String(cString: asset.name)
      let bytes = Array(UnsafeBufferPointer(start: asset.bytes, count: asset.size))
      let parts = plain.split(separator: ".")
      let name = "\(parts[0]).\(SHA256.hexadecimal(of: bytes).prefix(12)).\(parts[1])"
      let types = ["css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"]
      byName[name] = Asset(type: "\(types[String(parts[1])]!); charset=utf-8", bytes: bytes)
      names[plain] = name
    }
    (self.byName, self.names) = (byName, names)
  }
}
