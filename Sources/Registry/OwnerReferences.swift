import ByteBuffers
import JSON

/// Owners that an object names twice.
enum OwnerReferences {
  /// Drops every reference that is the same as an earlier one; returns the warning that tells the client. `inPatch`:
  /// upstream looks later there, and says so. (`dedupOwnerReferencesAndAddWarning`; semantics 2.24)
  static func deduplicate(_ object: inout JSONValue, inPatch: Bool) -> [String] {
    guard let references = object["metadata"]?["ownerReferences"]?.array, references.count > 1 else { return [] }
    var kept: [JSONValue] = []
    var repeated: [String] = []
    var seen = SeenValues()
    for reference in references {
      if seen.insert(reference) { kept.append(reference) } else { repeated.append(reference["uid"]?.string ?? "") }
    }
    guard !repeated.isEmpty else { return [] }
    object["metadata"]?["ownerReferences"] = .array(kept)
    let place = inPatch ? " after mutating admission happens" : ""
    return [
      ".metadata.ownerReferences contains duplicate entries\(place); API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: \(repeated.joined(separator: ", "))"
    ]
  }
}
