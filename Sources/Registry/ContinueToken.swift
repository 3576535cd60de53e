import ByteBuffers
import JSON
import Machinery
import Storage

/// Where a listing goes on: `{"v":"meta.k8s.io/v1","rv":N,"start":"key\u0000"}` in unpadded URL-safe base64 (SEMANTICS 2.27).
struct ContinueToken {
  /// -1 asks for a consistent read from the key on.
  let revision: Int64
  /// The whole key to start at.
  let startKey: String

  func encoded(prefix: String) -> String {
    let object: JSONValue = ["v": "meta.k8s.io/v1", "rv": .int(revision), "start": .string(String(startKey.dropFirst(prefix.count)))]
    return Base64URL.encode(object.encoded().array)
  }

  /// Throws 400 with upstream's text.
  static func decode(_ text: String, prefix: String) throws(Status) -> ContinueToken {
    func failure(_ why: String) -> Status { .badRequest("invalid continue token: continue key is not valid: \(why)") }
    let bytes: [UInt8]
    switch Base64URL.decode(text) {
    case .success(let decoded): bytes = decoded
    case .failure(let place): throw failure("illegal base64 data at input byte \(place.place)")
    }
    let value: JSONValue
    do { value = try JSONValue(parsing: ByteSlice(SharedBytes(bytes))) } catch { throw failure(error.description) }
    guard value.object != nil else { throw failure("json: cannot unmarshal \(value.goKind) into Go value of type storage.continueToken") }
    let version = value["v"]?.string ?? ""
    guard version == "meta.k8s.io/v1" else { throw failure("server does not recognize this encoded version \(GoText.quoted(version))") }
    let revision = value["rv"]?.int ?? 0
    guard revision != 0, revision >= -1 else { throw failure("incorrect encoded start resourceVersion (version meta.k8s.io/v1)") }
    var start = value["start"]?.string ?? ""
    guard !start.isEmpty else { throw failure("encoded start key empty (version meta.k8s.io/v1)") }
    if start.hasPrefix("/") { start.removeFirst() }
    let parts = start.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(".."), !parts.contains("."), !parts.contains("") else { throw failure(start) }
    return ContinueToken(revision: revision, startKey: prefix + start)
  }
}

/// RFC 4648 section 5, without padding.
enum Base64URL {
  struct BadByte: Error { let place: Int }
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let left = min(3, bytes.count - start)
      let word = UInt32(bytes[start]) << 16 | (left > 1 ? UInt32(bytes[start + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[start + 2]) : 0)
      for place in 0...left { out.append(digits[Int(word >> UInt32(18 - 6 * place)) & 63]) }
    }
    return String(decoding: out, as: UTF8.self)
  }

  static func decode(_ text: String) -> Result<[UInt8], BadByte> {
    var out: [UInt8] = []
    var word: UInt32 = 0
    var bits = 0
    let bytes = Array(text.utf8)
    for (place, byte) in bytes.enumerated() {
      guard let digit = digits.firstIndex(of: byte) else { return .failure(BadByte(place: place)) }
      word = (word << 6 | UInt32(digit)) & 0xFFFF
      bits += 6
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
    }
    // Four digits make three bytes; one digit alone makes none.
    return bytes.count % 4 == 1 ? .failure(BadByte(place: bytes.count)) : .success(out)
  }
}
