import JSON
import Machinery
import Registry

/// Members of a struct as Go has them: what is not there has its zero value.
extension JSONValue {
  func string(at member: String) -> String { self[member]?.string ?? "" }
  func int(at member: String) -> Int64 { self[member]?.int ?? 0 }
  func bool(at member: String) -> Bool { self[member]?.bool ?? false }
  func array(at member: String) -> [JSONValue] { self[member]?.array ?? [] }
  /// Is a pointer set?
  func isSet(_ member: String) -> Bool { self[member].map { !$0.isNull } ?? false }
}

extension RuleContext {
  mutating func needs(_ part: Part..., detail: String = "") { report(.required(path(part), detail)) }
  mutating func forbids(_ part: Part..., detail: String) { report(.forbidden(path(part), detail)) }
  /// Complains of a text.
  mutating func refuses(_ text: String, _ detail: String, at part: Part...) {
    report(.invalid(path(part), text, detail))
  }
  /// Complains of a value that messages show as JSON: one of a type of its own, or behind a pointer.
  mutating func refuses(value: JSONValue, _ detail: String, at part: Part...) {
    report(.invalid(path(part), bare: value.encoded().text, detail))
  }
  /// Complains of a text of a type of its own that is none of `values`.
  mutating func knowsOnly(_ values: [String], not text: String, at part: Part...) {
    report(.notSupported(path(part), named: .string(text), values))
  }
  /// Complains of a text once for each problem that it has.
  mutating func refuses(_ text: String, each problems: [String], at part: Part...) {
    if problems.isEmpty { return }
    let path = path(part)
    for problem in problems { report(.invalid(path, text, problem)) }
  }
}
