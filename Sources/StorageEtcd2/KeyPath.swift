/// Between our keys and etcd2's, which are paths of a tree.
///
/// A key of the usual form is stored as it is, where a kube-apiserver of old would have put it. What the tree can't
/// hold is written with a percent sign, which no Kubernetes name has: an empty segment (the tree would drop it), `.`
/// and `..` (it would walk them), a leading underscore (it would hide the key from lists and watches), and the percent
/// sign itself.
enum KeyPath {
  /// The name in etcd2 of one segment between slashes.
  static func name(ofSegment segment: Substring) -> String {
    switch segment {
    case "": return "%"
    case ".": return "%2E"
    case "..": return "%2E%2E"
    default: break
    }
    var name = ""
    var rest = segment
    if segment.utf8.first == UInt8(ascii: "_") {
      name = "%5F"
      rest = segment.dropFirst()
    }
    guard rest.utf8.contains(UInt8(ascii: "%")) else { return name + rest }
    for scalar in rest.unicodeScalars { if scalar == "%" { name += "%25" } else { name.unicodeScalars.append(scalar) } }
    return name
  }

  /// The segment behind a name; nil for one that we would not have given.
  static func segment(ofName name: Substring) -> String? {
    if name.utf8.first == UInt8(ascii: "_") { return nil }
    guard name.utf8.contains(UInt8(ascii: "%")) else { return String(name) }
    switch name {
    case "%": return ""
    case "%2E": return "."
    case "%2E%2E": return ".."
    default: break
    }
    let hasUnderscore = name.hasPrefix("%5F")
    let parts = name.dropFirst(hasUnderscore ? 3 : 0).split(separator: "%", omittingEmptySubsequences: false)
    var segment = (hasUnderscore ? "_" : "") + (parts.first ?? "")
    for part in parts.dropFirst() {
      guard part.hasPrefix("25") else { return nil }
      segment += "%" + part.dropFirst(2)
    }
    return segment
  }

  /// The key behind etcd2's; nil for one that we would not have written, and for hidden ones.
  static func key(ofPath path: String) -> String? {
    guard path.utf8.first == UInt8(ascii: "/") else { return nil }
    // By far the most have nothing special.
    if !path.utf8.contains(UInt8(ascii: "%")) && !path.utf8.contains(UInt8(ascii: "_")) { return path }
    var key = ""
    for name in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let segment = segment(ofName: name) else { return nil }
      key += "/" + segment
    }
    return key
  }

  /// The URL path, behind `/v2/keys`, of a key; nil for one that does not begin with a slash.
  static func url(ofKey key: String) -> String? {
    guard key.utf8.first == UInt8(ascii: "/") else { return nil }
    var url = ""
    url.reserveCapacity(key.utf8.count + 16)
    for segment in key.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      url += "/"
      for byte in name(ofSegment: segment).utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
          url.unicodeScalars.append(Unicode.Scalar(byte))
        default: url += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
      }
    }
    return url
  }

  /// The URL path of the directory whose tree holds every key that begins with `prefix`; nil for a prefix without a
  /// slash in front.
  static func url(ofDirectoryAround prefix: String) -> String? {
    guard let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/")) else { return prefix.isEmpty ? "/" : nil }
    return slash == prefix.utf8.startIndex ? "/" : url(ofKey: String(prefix[..<slash]))
  }
}
