/// Tokens and the users that they stand for, from a CSV file: token, name, uid, and optionally the groups in one quoted
/// column. (Kubernetes: `--token-auth-file`, `tokenfile.NewCSV`.)
public struct TokenFile: Authenticator {
  private let users: [ByteString: UserInfo]

  /// What is wrong with a file.
  public struct Malformed: Error, CustomStringConvertible, Equatable {
    public let description: String
  }

  /// Throws `Malformed`, naming the line. A token that stands twice keeps its last user; a line without one is passed
  /// over, as upstream does.
  public init(csv text: String) throws(Malformed) {
    var users: [ByteString: UserInfo] = [:]
    for (line, record) in try CSV.records(text) {
      guard record.count >= 3 else {
        throw Malformed(
          description: "line \(line) must have at least 3 columns (token, user name, user uid), found \(record.count)")
      }
      if record[0].isEmpty { continue }
      let groups =
        record.count > 3 ? record[3].split(separator: ",", omittingEmptySubsequences: false).map(String.init) : []
      users[record[0]] = UserInfo(name: record[1], uid: record[2], groups: groups)
    }
    self.users = users
  }

  public var isEmpty: Bool { users.isEmpty }
  public var isSteady: Bool { true }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict {
    guard let token = credentials.bearerToken else { return .absent }
    // The dictionary's hash is seeded and looks at the whole token, so time tells nothing of how much of a guess was
    // right.
    return users[token].map { .user($0) } ?? .absent
  }
}

/// Comma-separated values as Go's encoding/csv reads them: quoted fields may hold commas, line ends and doubled quotes;
/// empty lines are skipped.
enum CSV {
  static func records(_ text: String) throws(TokenFile.Malformed) -> [(line: Int, fields: [String])] {
    var records: [(line: Int, fields: [String])] = []
    var fields: [String] = []
    var field: [UInt8] = []
    var line = 1
    var start = 1
    var isQuoted = false
    var wasQuoted = false
    var bytes = Array(text.utf8)
    if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }

    func endField() {
      fields.append(String(decoding: field, as: UTF8.self))
      field = []
      wasQuoted = false
    }
    var place = 0
    while place < bytes.count {
      let byte = bytes[place]
      place += 1
      if isQuoted {
        if byte == UInt8(ascii: "\"") {
          if place < bytes.count, bytes[place] == UInt8(ascii: "\"") {
            field.append(byte)
            place += 1
          } else {
            isQuoted = false
          }
        } else {
          if byte == UInt8(ascii: "\n") { line += 1 }
          field.append(byte)
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""):
        guard field.isEmpty, !wasQuoted else {
          throw TokenFile.Malformed(description: "line \(line): bare \" in non-quoted field")
        }
        isQuoted = true
        wasQuoted = true
      case UInt8(ascii: ","): endField()
      case UInt8(ascii: "\n"):
        if field.last == UInt8(ascii: "\r") { field.removeLast() }
        if !(fields.isEmpty && field.isEmpty && !wasQuoted) {
          endField()
          records.append((start, fields))
        }
        fields = []
        line += 1
        start = line
      default:
        guard !wasQuoted || byte == UInt8(ascii: "\r") else {
          throw TokenFile.Malformed(description: "line \(line): extraneous or missing \" in quoted-field")
        }
        field.append(byte)
      }
    }
    if isQuoted { throw TokenFile.Malformed(description: "line \(start): extraneous or missing \" in quoted-field") }
    return records
  }
}
