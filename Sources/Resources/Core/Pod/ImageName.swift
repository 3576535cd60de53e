/// The name of an image, as far as it says which of several is meant.
enum ImageName {
  /// Does it ask for whatever is newest: by the tag `latest`, or by none? What is no name at all asks for nothing.
  /// (Kubernetes: `parsers.ParseImageName`)
  static func isLatest(_ image: String) -> Bool {
    guard let parts = parse(image) else { return false }
    return parts.tag.map { $0 == "latest" } ?? !parts.hasDigest
  }

  /// Tag and digest of a name that is one. (distribution `reference.ParseNormalizedNamed`)
  private static func parse(_ image: String) -> (tag: String?, hasDigest: Bool)? {
    let bytes = Array(image.utf8)
    // What is a digest alone can't be told from a name.
    if bytes.count == 64 && bytes.allSatisfy(isHex) { return nil }
    var rest = bytes[...]
    var hasDigest = false
    if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
      guard isDigest(rest[(at + 1)...]) else { return nil }
      hasDigest = true
      rest = rest[..<at]
    }
    var tag: String?
    let slash = rest.lastIndex(of: UInt8(ascii: "/"))
    if let colon = rest.lastIndex(of: UInt8(ascii: ":")), colon > (slash ?? -1) {
      let text = rest[(colon + 1)...]
      if isTag(text) {
        tag = String(decoding: text, as: UTF8.self)
        rest = rest[..<colon]
      }
    }
    return isRepository(rest) ? (tag, hasDigest) : nil
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
  }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
  private static func isLower(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }
  private static func isLetter(_ byte: UInt8) -> Bool { isLower(byte | 0x20) }

  /// `[\w][\w.-]{0,127}`
  private static func isTag(_ text: ArraySlice<UInt8>) -> Bool {
    func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") }
    guard let first = text.first, isWord(first), text.count <= 128 else { return false }
    return text.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }

  /// `sha256:…`, with as many digits as its kind has.
  private static func isDigest(_ text: ArraySlice<UInt8>) -> Bool {
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return false }
    let digits = text[(colon + 1)...]
    guard digits.allSatisfy(isHex) else { return false }
    switch String(decoding: text[..<colon], as: UTF8.self) {
    case "sha256": return digits.count == 64
    case "sha384": return digits.count == 96
    case "sha512": return digits.count == 128
    default: return false
    }
  }

  /// A path of components, the first of which may be a host.
  private static func isRepository(_ text: ArraySlice<UInt8>) -> Bool {
    var parts = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard let first = parts.first, text.count <= 255 else { return false }
    if parts.count > 1, isHost(first) { parts.removeFirst() }
    return parts.allSatisfy(isComponent)
  }

  /// Only what has a dot or a port, is `localhost`, or has capitals is taken for a host.
  private static func isHost(_ text: ArraySlice<UInt8>) -> Bool {
    let looksLikeHost =
      text.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") } || text.elementsEqual("localhost".utf8)
      || text.contains { isLetter($0) && !isLower($0) }
    guard looksLikeHost else { return false }
    if text.first == UInt8(ascii: "[") { return true }
    let pieces = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard pieces.count <= 2, pieces.count == 1 || !pieces[1].isEmpty && pieces[1].allSatisfy(isDigit) else {
      return false
    }
    return pieces[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      guard let first = label.first, let last = label.last else { return false }
      let dash = UInt8(ascii: "-")
      return first != dash && last != dash && label.allSatisfy { isLetter($0) || isDigit($0) || $0 == dash }
    }
  }

  /// Small letters and digits, with single separators between them: `.`, `_`, `__` or dashes.
  private static func isComponent(_ text: ArraySlice<UInt8>) -> Bool {
    func isPlain(_ byte: UInt8) -> Bool { isLower(byte) || isDigit(byte) }
    guard let first = text.first, let last = text.last, isPlain(first), isPlain(last) else { return false }
    var separator: [UInt8] = []
    for byte in text {
      if isPlain(byte) {
        let isGood =
          separator.isEmpty || separator == Array(".".utf8) || separator == Array("_".utf8)
          || separator == Array("__".utf8) || separator.allSatisfy { $0 == UInt8(ascii: "-") }
        if !isGood { return false }
        separator = []
      } else {
        guard byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") else { return false }
        separator.append(byte)
      }
    }
    return true
  }
}
