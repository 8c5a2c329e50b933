// Keys of buckets: from the environment, from a web identity, or from the shared files of the AWS
// tools.

import FoundationEssentials
import Glibc

/// The variables and files of the AWS tools; an empty variable is none, as compose files write it.
struct AWSVariables {
  private let environment: [String: String]

  init(_ environment: [String: String]) { self.environment = environment }

  subscript(name: String) -> String? {
    environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  var profile: String { self["AWS_PROFILE"] ?? self["AWS_DEFAULT_PROFILE"] ?? "default" }

  /// The file of keys, `~/.aws/credentials` unless named.
  var credentialsFile: String? {
    self["AWS_SHARED_CREDENTIALS_FILE"] ?? self["HOME"].map { "\($0)/.aws/credentials" }
  }

  private var configFile: String? {
    self["AWS_CONFIG_FILE"] ?? self["HOME"].map { "\($0)/.aws/config" }
  }

  var profileRegion: String? { configSection?["region"] }

  /// The profile's section of the file of settings, which may hold keys, too.
  var configSection: [String: String]? {
    let name = profile == "default" ? "default" : "profile \(profile)"
    return configFile.flatMap { Self.section(name, ofFile: $0) }
  }

  /// A section of an INI file; nil if there is no such file or section.
  static func section(_ name: String, ofFile path: String) -> [String: String]? {
    guard let text = try? String(contentsOf: URL(filePath: path), encoding: .utf8) else {
      return nil
    }
    var section: [String: String]?
    var isInside = false
    for line in text.split(whereSeparator: \.isNewline) {
      let line = line.trimming(while: \.isWhitespace)
      if line.hasPrefix("[") {
        isInside = line.dropFirst().prefix { $0 != "]" }.trimming(while: \.isWhitespace) == name
        if isInside { section = section ?? [:] }
      } else if isInside, !line.hasPrefix("#"), !line.hasPrefix(";"),
        let equals = line.firstIndex(of: "=")
      {
        let key = line[..<equals].trimming(while: \.isWhitespace).lowercased()
        let value = line[line.index(after: equals)...].trimming(while: \.isWhitespace)
        if !value.isEmpty { section?[key] = String(value) }
      }
    }
    return section
  }
}

extension Substring {
  fileprivate func trimming(while isBlank: (Character) -> Bool) -> Substring {
    var text = drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return text
  }
}

/// Keys that sign requests.
struct Credentials: Equatable {
  let accessKey: String
  let secretKey: String
  let token: String?
  /// Whether they can change while a process runs: those of its environment cannot.
  let mayBeRenewed: Bool
  /// The moment from which they are no use, in seconds since 1970.
  var expiration: Double?

  /// Seconds before their end at which keys are renewed.
  private static let margin = 120.0

  var isExpiring: Bool {
    expiration.map { $0 - Self.margin < Date().timeIntervalSince1970 } ?? false
  }

  /// Reads the keys anew, from the first place that has any: AWS_ACCESS_KEY_ID with
  /// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, a web identity (AWS_WEB_IDENTITY_TOKEN_FILE with
  /// AWS_ROLE_ARN), the profile's section of the shared files.
  static func read(_ variables: AWSVariables, location: BucketLocation) throws -> Credentials {
    if let key = variables["AWS_ACCESS_KEY_ID"], let secret = variables["AWS_SECRET_ACCESS_KEY"] {
      return Credentials(
        accessKey: key, secretKey: secret, token: variables["AWS_SESSION_TOKEN"],
        mayBeRenewed: false)
    }
    if let file = variables["AWS_WEB_IDENTITY_TOKEN_FILE"], let role = variables["AWS_ROLE_ARN"] {
      return try WebIdentity(tokenFile: file, role: role, variables: variables, location: location)
        .credentials()
    }
    let sections = [
      variables.credentialsFile.flatMap { AWSVariables.section(variables.profile, ofFile: $0) },
      variables.configSection,
    ]
    for section in sections {
      if let key = section?["aws_access_key_id"], let secret = section?["aws_secret_access_key"] {
        return Credentials(
          accessKey: key, secretKey: secret, token: section?["aws_session_token"],
          mayBeRenewed: true)
      }
    }
    var error = StoreAway(
      "bucket \(location.bucket): this host has no keys: AWS_ACCESS_KEY_ID and "
        + "AWS_SECRET_ACCESS_KEY are not set, and there is no profile \"\(variables.profile)\" with "
        + "keys in \(variables.credentialsFile ?? "a file of AWS_SHARED_CREDENTIALS_FILE")",
      isRefusal: true)
    // A file that is being replaced has no keys for a moment.
    error.mayBeRenewed =
      variables["AWS_SHARED_CREDENTIALS_FILE"] != nil || sections.contains { $0 != nil }
    throw error
  }
}

/// A role that is taken on with a token which the platform renews in a file.
private struct WebIdentity {
  let tokenFile: String
  let role: String
  let variables: AWSVariables
  let location: BucketLocation

  /// Asks for keys, by the action AssumeRoleWithWebIdentity of the AWS Security Token Service.
  func credentials() throws -> Credentials {
    func failure(_ what: String, isRefusal: Bool) -> StoreAway {
      var error = StoreAway(
        "bucket \(location.bucket): no keys for the role \(role): \(what)", isRefusal: isRefusal)
      error.mayBeRenewed = true
      return error
    }
    guard let text = try? String(contentsOf: URL(filePath: tokenFile), encoding: .utf8) else {
      throw failure(
        "AWS_WEB_IDENTITY_TOKEN_FILE names \(tokenFile), which cannot be read", isRefusal: true)
    }
    let endpoint =
      variables["AWS_ENDPOINT_URL_STS"] ?? variables["AWS_ENDPOINT_URL"]
      ?? "https://sts.\(location.region).amazonaws.com"
    let fields = [
      ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"), ("RoleArn", role),
      ("RoleSessionName", variables["AWS_ROLE_SESSION_NAME"] ?? "pra"),
      ("WebIdentityToken", text.filter { !$0.isWhitespace }),
    ]
    let form = fields.map { "\($0.0)=\(BucketRequests.escaped($0.1))" }.joined(separator: "&")
    var body: [UInt8] = []
    let answer = HTTPSession(authorities: location.authorities).send(
      "POST", endpoint, headers: ["Content-Type: application/x-www-form-urlencoded"],
      body: Array(form.utf8), signature: nil
    ) { _, bytes in
      body += bytes
      return body.count < 1 << 20
    }
    let xml = String(decoding: body, as: UTF8.self)
    guard answer.status == 200, let key = BucketRequests.element("AccessKeyId", in: xml),
      let secret = BucketRequests.element("SecretAccessKey", in: xml)
    else {
      let words =
        BucketRequests.element("Message", in: answer.text) ?? String(answer.text.prefix(200))
      throw failure(
        "\(endpoint) answered \(answer.status): \(words)",
        isRefusal: (400..<500).contains(answer.status) && answer.status != 429)
    }
    var credentials = Credentials(
      accessKey: key, secretKey: secret, token: BucketRequests.element("SessionToken", in: xml),
      mayBeRenewed: true)
    credentials.expiration = BucketRequests.element("Expiration", in: xml).flatMap {
      try? Date($0, strategy: .iso8601).timeIntervalSince1970
    }
    return credentials
  }
}
