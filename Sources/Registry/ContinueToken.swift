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
    switch Base64URL.decode(text.utf8) {
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
