import ByteBuffers
import JSON

/// A signed token in its compact form, taken apart but not believed. (RFC 7515, RFC 7519.)
struct JSONWebToken {
  let algorithm: String
  let keyID: String
  let claims: JSONValue
  /// What was signed.
  let message: [UInt8]
  let signature: [UInt8]

  /// nil for what is no such token.
  init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3, let header = Self.object(parts[0]), let claims = Self.object(parts[1]),
      let signature = try? Base64URL.decode(parts[2]).get(),
      let algorithm = header["alg"]?.string
    else { return nil }
    // Extensions that must be understood are not.
    if header["crit"] != nil { return nil }
    self.algorithm = algorithm
    keyID = header["kid"]?.string ?? ""
    self.claims = claims
    self.signature = signature
    message = Array(parts[0]) + [UInt8(ascii: ".")] + Array(parts[1])
  }

  private static func object(_ part: Substring.UTF8View) -> JSONValue? {
    guard let bytes = try? Base64URL.decode(part).get(),
      let value = try? JSONValue(parsing: ByteSlice(SharedBytes(bytes))), value.object != nil
    else { return nil }
    return value
  }
}
