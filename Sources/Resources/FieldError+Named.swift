import JSON
import Machinery

extension FieldError {
  /// Of a text that has a type of its own in Go, and is shown as JSON.
  static func notSupported(_ path: String, named value: JSONValue, _ supported: [String]) -> FieldError {
    .notSupported(path, bare: value.encoded().text, supported)
  }
}
