// The address of a bucket, as a location and the environment name it.

import FoundationEssentials
import Glibc

/// `s3://bucket/prefix?endpoint=http://host:9000&region=us-east-1&ca=/etc/ssl/lab.pem`.
struct BucketLocation {
  let bucket: String
  /// The folder within the bucket; empty for the bucket itself.
  let prefix: String
  let region: String
  let endpoint: String
  /// The address below which the store's objects lie.
  let base: String
  /// A file of certificates to trust; nil for those of the system.
  let authorities: String?

  /// - Parameter environment: AWS_REGION, AWS_ENDPOINT_URL and the like; an empty variable is none
  init(_ location: String, environment: [String: String]) throws(StoreError) {
    let variables = AWSVariables(environment)
    let halves = location.dropFirst("s3://".count).split(separator: "?", maxSplits: 1)
    let path = halves.first.map { $0.split(separator: "/") } ?? []
    guard !location.contains("@") else {
      // The location is not repeated: whatever stands before the @ is a secret.
      throw StoreError(
        "store: the location holds a user or a password, which every reader of the database would "
          + "see; keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of each host")
    }
    let settings = try Self.settings(halves.dropFirst().first ?? "", of: location)
    guard let bucket = path.first, path.allSatisfy({ Self.isPlain($0) }) else {
      throw StoreError(
        "store \"\(location)\": expected s3://bucket/prefix of letters, digits, - . and _")
    }
    region =
      settings["region"] ?? variables["AWS_REGION"] ?? variables["AWS_DEFAULT_REGION"]
      ?? variables.profileRegion ?? "us-east-1"
    let ofEnvironment = variables["AWS_ENDPOINT_URL_S3"] ?? variables["AWS_ENDPOINT_URL"]
    let given = settings["endpoint"] ?? ofEnvironment ?? "https://s3.\(region).amazonaws.com"
    let setting = settings["endpoint"] == nil ? "AWS_ENDPOINT_URL" : "endpoint"
    guard given.hasPrefix("http://") || given.hasPrefix("https://") else {
      throw StoreError("store \"\(location)\": \(setting) begins with http:// or https://")
    }
    guard !given.contains("@") else {
      throw StoreError(
        "\(setting) holds a user or a password; keys belong into AWS_ACCESS_KEY_ID and "
          + "AWS_SECRET_ACCESS_KEY")
    }
    endpoint = given.hasSuffix("/") ? String(given.dropLast()) : given
    self.bucket = String(bucket)
    prefix = path.dropFirst().joined(separator: "/")
    base = ([endpoint] + path.map(String.init)).joined(separator: "/")
    authorities = settings["ca"] ?? variables["AWS_CA_BUNDLE"] ?? variables["SSL_CERT_FILE"]
    if let authorities, access(authorities, R_OK) != 0 {
      let name = settings["ca"] != nil ? "ca" : "AWS_CA_BUNDLE or SSL_CERT_FILE"
      throw StoreError(
        "store \"\(location)\": \(name) names \(authorities), which cannot be read: "
          + String(cString: strerror(errno)))
    }
  }

  /// The settings after the question mark; an empty value is none.
  private static func settings(_ text: Substring, of location: String) throws(StoreError)
    -> [String: String]
  {
    var settings: [String: String] = [:]
    for setting in text.split(separator: "&") {
      let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, ["endpoint", "region", "ca"].contains(parts[0]) else {
        throw StoreError("store \"\(location)\": known settings are endpoint=, region= and ca=")
      }
      if !parts[1].isEmpty { settings[String(parts[0])] = String(parts[1]) }
    }
    return settings
  }

  private static func isPlain(_ part: Substring) -> Bool {
    part != ".." && part != "."
      && part.utf8.allSatisfy {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}
