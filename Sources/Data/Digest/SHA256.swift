// SHA-256, by which artifacts are named, computed by libcrypto with the CPU's instructions.

import CCrypto

/// A running digest: add bytes, then take the result.
///
/// FIPS 180-4. One owner; the C context never leaves this file.
package struct SHA256: ~Copyable {
  private let context: OpaquePointer

  package init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      fatalError("SHA256: libcrypto gives no context")  // out of memory, or a build without SHA-2
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds bytes.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return }
    precondition(
      EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "SHA256: update failed")
  }

  /// Adds bytes.
  package mutating func update(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { update($0) }
  }

  /// A second digest of the bytes added so far.
  package borrowing func copy() -> SHA256 {
    let other = SHA256()
    precondition(EVP_MD_CTX_copy_ex(other.context, context) == 1, "SHA256: copy failed")
    return other
  }

  /// - Returns: 32 bytes
  package consuming func bytes() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    precondition(EVP_DigestFinal_ex(context, &digest, nil) == 1, "SHA256: final failed")
    return digest
  }

  /// - Returns: 64 lower-case hexadecimal digits
  package consuming func hexadecimal() -> String {
    let digest = bytes()
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The digest of bytes in memory: 64 lower-case hexadecimal digits.
  package static func hexadecimal(of bytes: [UInt8]) -> String {
    var digest = SHA256()
    digest.update(bytes)
    return digest.hexadecimal()
  }

  /// The first eight bytes of the digest of bytes in memory, as one integer, the first byte the highest.
  package static func leading64(of bytes: [UInt8]) -> Int64 {
    var digest = SHA256()
    digest.update(bytes)
    return digest.bytes().prefix(8).reduce(0) { $0 << 8 | Int64($1) }
  }
}
