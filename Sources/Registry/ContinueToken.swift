import ByteBuffers
import JSON
import Machinery
import Storage

/// Where a listing goes on: `{"v":"meta.k8s.io/v1","rv":N,"start":"key\u0000"}` in unpadded URL-safe base64 (semantics
/// 2.27).
struct ContinueToken {
  /// -1 asks for a consistent read from the key on.
  let revision: Int64
  /// The whole key to start at.
  let startKey: String

  func encoded(prefix: String) -> String {
    let object: JSONValue = [
      "v": "meta.k8s.io/v1", "rv": .int(revision),
      "start": .string(String(startKey.dropFirst(prefix.unicodeScalars.count))),
    ]
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
    guard value.object != nil || value.isNull else {
      throw failure("json: cannot unmarshal \(value.goKind) into Go value of type storage.continueToken")
    }
    for member in value.object?.members ?? [] where !member.value.isNull {
      let problem = misfit(member.name, member.value)
      if let problem { throw failure("json: cannot unmarshal \(problem)") }
    }
    let version = value["v"]?.string ?? ""
    guard version == "meta.k8s.io/v1" else {
      throw failure("server does not recognize this encoded version \(version)")
    }
    let revision = value["rv"]?.int ?? 0
    guard revision != 0 else { throw failure("incorrect encoded start resourceVersion (version meta.k8s.io/v1)") }
    let start = value["start"]?.string ?? ""
    guard !start.isEmpty else { throw failure("encoded start key empty (version meta.k8s.io/v1)") }
    let key = start.hasPrefix("/") ? String(start.dropFirst()) : start
    let parts = key.split(separator: "/", omittingEmptySubsequences: false)
    guard key.isEmpty || !parts.contains(".."), !parts.contains("."), key.isEmpty || !parts.contains("") else {
      throw failure(start)
    }
    // What is below zero asks for the newest, as -1.
    return ContinueToken(revision: max(revision, -1), startKey: prefix + key)
  }

  /// What of a member does not fit, as Go says it.
  private static func misfit(_ name: String, _ value: JSONValue) -> String? {
    let field = "Go struct field continueToken.\(name) of type"
    switch (name, value) {
    case ("v", .string), ("start", .string), ("rv", .int): return nil
    case ("v", _), ("start", _): return "\(value.goKind) into \(field) string"
    case ("rv", .double): return "number \(value.encoded().text) into \(field) int64"
    case ("rv", _): return "\(value.goKind) into \(field) int64"
    default: return nil
    }
  }
}
