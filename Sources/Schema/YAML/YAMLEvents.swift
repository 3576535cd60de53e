import CYAML

/// libyaml's parser over one text, which gives one event after another and recurses nowhere.
///
/// The parser keeps a pointer into the text, so this lives inside the call that lends the bytes; it is the only owner
/// of the parser, cannot be copied, and frees it at its end. An event's strings live as long as the call they are lent
/// to.
struct YAMLEvents: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  /// `bytes`: UTF-8, or UTF-16 with a byte order mark; not empty, and lent for as long as this lives.
  init(_ bytes: UnsafeRawBufferPointer) throws(YAMLError) {
    let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      throw YAMLError("yaml: no memory for a parser")
    }
    yaml_parser_set_input_string(parser, bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count)
    self.parser = parser
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Lends the next event. Throws in go-yaml's words where the text is no YAML; there is nothing to ask for after that,
  /// nor after the end of the stream.
  func next<R>(_ body: (yaml_event_t) throws(YAMLError) -> R) throws(YAMLError) -> R {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw failure }
    defer { yaml_event_delete(&event) }
    return try body(event)
  }

  /// go-yaml counts lines from 1 where the scanner failed, from 0 elsewhere, and is silent about the first.
  private var failure: YAMLError {
    let problem = parser.pointee.problem_mark.line
    let isScanner = parser.pointee.error == YAML_SCANNER_ERROR
    let line = problem == 0 ? parser.pointee.context_mark.line : isScanner ? problem + 1 : problem
    let told = parser.pointee.problem.map { String(cString: $0) }
    return YAMLError(told ?? "unknown problem parsing YAML content", line: line)
  }
}

/// Why a text is no usable YAML.
public struct YAMLError: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }

  /// go-yaml's form; line 0 is not told.
  init(_ problem: String, line: Int) { description = line == 0 ? "yaml: \(problem)" : "yaml: line \(line): \(problem)" }
}
