import JSON
import Machinery

/// What is asked of a definition's names, those that it wants and those that it has.
/// (`ValidateCustomResourceDefinitionNames`)
enum NamesCheck {
  static func errors(_ given: JSONValue?, at path: FieldPath) -> [FieldError] {
    let names = DefinitionNames(given)
    var errors: [FieldError] = []
    func check(_ text: String, _ shown: String, _ place: FieldPath, _ before: String = "") {
      let problems = NameValidation.dns1035Label(text)
      if problems.isEmpty { return }
      errors.append(.invalid(place.description, shown, before + problems.joined(separator: ",")))
    }
    for (name, text) in [("plural", names.plural), ("singular", names.singular)] where !text.isEmpty {
      check(text, text, path.child(name))
    }
    for (name, text) in [("kind", names.kind), ("listKind", names.listKind)] where !text.isEmpty {
      check(text.lowercased(), text, path.child(name), "may have mixed case, but should otherwise match: ")
    }
    for (place, name) in names.shortNames.enumerated() { check(name, name, path.child("shortNames").index(place)) }
    if !names.kind.isEmpty, names.kind == names.listKind {
      let detail = "kind and listKind may not be the same"
      errors.append(.invalid(path.child("listKind").description, names.listKind, detail))
    }
    for (place, name) in names.categories.enumerated() { check(name, name, path.child("categories").index(place)) }
    return errors
  }
}
