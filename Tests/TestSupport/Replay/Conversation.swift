public import Foundation
public import JSON

/// A recorded conversation: one case of a file of `Tests/Conformance`. What its steps say stands in `replay.py`.
public struct Conversation: Sendable {
  public let name: String
  /// Each an object.
  public var steps: [JSONValue]

  /// All of a file, in order.
  public static func read(_ file: URL) throws -> [Conversation] {
    let cases = try PythonJSON.parse(Array(try Data(contentsOf: file))).array ?? []
    return cases.map { Conversation(name: $0["name"]?.string ?? "", steps: $0["steps"]?.array ?? []) }
  }

  /// Writes out expected bodies that are given as another step's with some changes.
  func writtenOut() throws -> [JSONValue] {
    var steps = steps
    for place in steps.indices {
      guard let other = steps[place]["expect"]?["like"]?.int, steps.indices.contains(Int(other)) else { continue }
      var body = steps[Int(other)]["expect"]?["body"] ?? .null
      for member in steps[place]["expect"]?["but"]?.object?.members ?? [] {
        try Pointer.put(member.name, member.value, into: &body)
      }
      steps[place]["expect"]?["body"] = body
    }
    return steps
  }

  /// What became of one.
  public struct Outcome: Sendable {
    public var differences: [String] = []
    /// Calls and watches: how many match, of how many.
    public var requests = (matching: 0, all: 0)
    /// Rows of sweeps and probes.
    public var probes = (matching: 0, all: 0)
  }
}

extension [JSONValue] {
  /// How many calls and watches these steps hold.
  var asked: Int {
    reduce(0) { $0 + ($1["do"] != nil || $1["watch"] != nil ? 1 : 0) + ($1["steps"]?.array?.asked ?? 0) }
  }
  /// How many rows their sweeps and probes hold.
  var counted: Int {
    reduce(0) { sum, step in
      sum + ["sweep", "probes"].reduce(0) { $0 + (step[$1]?["table"]?.array?.count ?? 0) }
        + (step["steps"]?.array?.counted ?? 0)
    }
  }
}
