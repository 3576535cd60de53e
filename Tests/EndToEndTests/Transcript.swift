import Foundation

/// Shell commands with what they print, as a Markdown page: prose, and indented by four spaces the steps.
///
///     $ kubectl get nodes
///     NAME     STATUS    ROLES    AGE   VERSION
///     edge-1   Unknown   <none>   …
///
/// - `$ ` begins a step, `> ` continues its command on another line, what follows is the output of both streams.
/// - `…` stands for any text, over lines too. Runs of spaces count as one, except where a line begins, and ends of
/// lines don't count: columns move with their content.
/// - `[1]` as the last line is the exit status, 0 if there is none.
/// - `1.24+ $ `, `-1.23 $ ` and `1.21-1.26 $ ` are steps for those versions of kubectl only.
struct Transcript: Sendable {
  struct Step: Sendable {
    /// Where it begins in its file, from 1.
    var line: Int
    var versions: ClosedRange<Int>
    var command: String
    var output: [String] = []
    var status: CInt = 0
  }
  let path: String
  let steps: [Step]

  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  init(path: String) throws {
    try self.init(path: path, text: String(contentsOfFile: path, encoding: .utf8))
  }

  init(path: String, text page: String) throws {
    self.path = path
    var steps: [Step] = []
    for (index, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      // An empty line inside an output has lost its indentation to editors; one between steps adds nothing, for ends
      // don't count.
      guard let text = line.isEmpty ? "" : line.hasPrefix("    ") ? String(line.dropFirst(4)) : nil else { continue }
      if let step = try Self.beginning(text, line: index + 1) {
        steps.append(step)
      } else if let last = steps.indices.last {
        if text.hasPrefix("> "), steps[last].output.isEmpty {
          steps[last].command += "\n" + text.dropFirst(2)
        } else if text.hasPrefix("["), text.hasSuffix("]"), let status = CInt(text.dropFirst().dropLast()) {
          steps[last].status = status
        } else {
          steps[last].output.append(text)
        }
      } else if !text.isEmpty {
        throw Malformed(description: "\(path):\(index + 1): output before any command")
      }
    }
    self.steps = steps
  }

  private static func beginning(_ text: String, line: Int) throws -> Step? {
    guard let mark = text.range(of: "$ "), text[..<mark.lowerBound].allSatisfy({ "0123456789.+- ".contains($0) }) else {
      return nil
    }
    let condition = text[..<mark.lowerBound].trimmingCharacters(in: .whitespaces)
    guard let versions = range(condition) else {
      throw Malformed(description: "line \(line): \(condition) is no range of versions")
    }
    return Step(line: line, versions: versions, command: String(text[mark.upperBound...]))
  }

  /// Minor versions of Kubernetes 1.
  private static func range(_ condition: String) -> ClosedRange<Int>? {
    func minor(_ version: some StringProtocol) -> Int? { version.hasPrefix("1.") ? Int(version.dropFirst(2)) : nil }
    if condition.isEmpty { return 0...Int.max }
    if condition.hasSuffix("+") { return minor(condition.dropLast()).map { $0...Int.max } }
    let parts = condition.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let last = minor(parts[1]), let first = parts[0].isEmpty ? 0 : minor(parts[0]),
      first <= last
    else { return nil }
    return first...last
  }
}

extension Transcript.Step {
  /// Is `printed` what this step should print?
  func matches(_ printed: String) -> Bool {
    let pieces = Self.normal(output).split(separator: "…", omittingEmptySubsequences: false)
    var rest = Substring(Self.normal(printed.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)))
    guard let first = pieces.first, let last = pieces.last, rest.hasPrefix(first) else { return false }
    if pieces.count == 1 { return rest == first }
    rest = rest.dropFirst(first.count)
    for piece in pieces.dropFirst().dropLast() {
      guard let found = rest.range(of: piece) ?? (piece.isEmpty ? rest.startIndex..<rest.startIndex : nil) else {
        return false
      }
      rest = rest[found.upperBound...]
    }
    return rest.hasSuffix(last)
  }

  private static func normal(_ lines: [String]) -> String {
    let collapsed = lines.map { line in
      let indentation = line.prefix { $0 == " " || $0 == "\t" }
      return indentation + line.dropFirst(indentation.count).split { $0 == " " || $0 == "\t" }.joined(separator: " ")
    }
    return collapsed.joined(separator: "\n").trimmingCharacters(in: .newlines).replacing(/[ \t]+(?=\n|$)/, with: "")
  }
}
