import JSON

/// What a YAML text may cost. libyaml has no limits of its own, and some of its steps grow with the square of a text.
enum YAMLLimits {
  /// Of a text. Bodies and files have smaller limits of their own; places in a document are counted in 32 bits.
  static let bytes = 1 << 28
  /// Collections in each other. libyaml looks at all that are open for each token, so its time grows with both.
  static let depth = JSONValue.maxDepth
  /// go-yaml's own bound; what is beyond it is refused in its words.
  static let upstreamDepth = 10_000
  /// Flow collections that are open, summed over all events: about a fifth of a second of libyaml's. 3 MiB of JSON
  /// whose values all stand 20 deep stay below.
  static let work = 32_000_000
  /// Mappings and sequences as keys, after which a text is not read on for a worse fault: each may move a thousand
  /// tokens.
  static let invalidKeys = 16
  /// libyaml compares each `%TAG` with all before it, and each tag with all of them.
  static let tagDirectives = 64
  /// Values of a document, those that aliases stand for counted each time.
  static let values = 1 << 21
  /// Bytes of the texts that aliases stand for.
  static let aliasedBytes = 8 << 20
  /// Complaints of names given twice. One text can hold more of them than any client reads.
  static let duplicates = 10_000

  /// Bytes of tags and of aliases' names in a text of so many bytes: `!!str` is 21.
  static func nameBytes(_ count: Int) -> Int { 8 * count + 1 << 20 }

  /// The line, from 1, on which there are too many `%TAG` directives; nil where there are not. Zero bytes are passed
  /// over, so that UTF-16 is read too.
  static func lineOfManyTagDirectives(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let wanted: [UInt8] = Array("%TAG".utf8)
    var (line, found, matched) = (1, 0, 0)
    for byte in bytes where byte != 0 {
      if byte == 0x0A || byte == 0x0D {
        if byte == 0x0A { line += 1 }
        matched = 0
      } else if matched < wanted.count {
        // A byte order mark may begin a line.
        if matched == 0, byte >= 0x80 { continue }
        matched = byte == wanted[matched] ? matched + 1 : wanted.count + 1
        if matched == wanted.count { found += 1 }
        if found > tagDirectives { return line }
      }
    }
    return nil
  }

  /// The refusal of what nests too deeply. `line`: where it does, from 1.
  static func tooDeep(_ bytes: UnsafeRawBufferPointer, line: Int) -> YAMLError {
    beyondUpstream(bytes) ?? YAMLError("exceeded max depth of \(depth)", line: line == 1 ? 0 : line)
  }

  /// go-yaml's refusal of brackets, or of the marks of block collections on one line, that are deeper than it reads;
  /// nil where there are none. A guess: quotes are not looked at.
  static func beyondUpstream(_ bytes: UnsafeRawBufferPointer) -> YAMLError? {
    var (line, brackets, marks) = (1, 0, 0)
    var isIndent = true
    for byte in bytes {
      switch byte {
      case 0x0A:
        (line, marks, isIndent) = (line + 1, 0, true)
      case UInt8(ascii: "["), UInt8(ascii: "{"): brackets += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): brackets = max(0, brackets - 1)
      case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): marks += isIndent ? 1 : 0
      case 0x20, 0: break
      default: isIndent = false
      }
      if brackets > upstreamDepth || marks > upstreamDepth {
        return YAMLError("exceeded max depth of \(upstreamDepth)", line: line == 1 ? 0 : line)
      }
    }
    return nil
  }
}
