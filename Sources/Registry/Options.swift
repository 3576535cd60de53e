public import Access
public import Machinery
import Storage

/// Options of reads and writes as a client gave them; empty where it did not. `validate` throws the Status that
/// kube-apiserver would.

public struct ListOptions: Sendable {
  public var labelSelector = ""
  public var fieldSelector = ""
  public var resourceVersion = ""
  public var resourceVersionMatch = ""
  public var limit: Int64 = 0
  public var continueToken = ""
  public var timeoutSeconds: Int64?
  public var allowWatchBookmarks = false
  public var sendInitialEvents: Bool?
  /// `watch=true`, which decides by which rules the options are held; a path may ask for a watch without it.
  public var watch = false
  /// The selectors, where they were read before.
  private var read: Result<SelectionPredicate, SelectorError>?
  public init() {}

  /// Are the selectors so long that reading them would keep a reactor? Then `readSelectors` is called elsewhere before
  /// these options are used.
  public var areSelectorsLong: Bool { labelSelector.utf8.count + fieldSelector.utf8.count > Self.shortBytesMax }
  private static let shortBytesMax = 4 << 10

  /// Reads the selectors once for all that ask for them.
  public mutating func readSelectors() { read = selection }

  var selection: Result<SelectionPredicate, SelectorError> {
    if let read { return read }
    return Result { () throws(SelectorError) in
      SelectionPredicate(label: try LabelSelector.parse(labelSelector), field: try FieldSelector.parse(fieldSelector))
    }
  }

  /// The name that the field selector asks for; nil for none, or any. Throws 400.
  public func requiredName() throws(Status) -> String? {
    do { return try selection.get().field.requiredValue(of: "metadata.name") } catch {
      throw .badRequest(error.description)
    }
  }

  private func failure(_ errors: [FieldError]) -> Status {
    .invalid("ListOptions", group: "meta.k8s.io", name: "", errors)
  }

  /// Semantics 2.25 and 2.35.
  public func validate() throws(Status) { if watch { try validateForWatch() } else { try validateForList() } }

  private func validateForList() throws(Status) {
    var errors: [FieldError] = []
    let match = "resourceVersionMatch"
    if !resourceVersionMatch.isEmpty {
      if resourceVersion.isEmpty {
        errors.append(.forbidden(match, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
      }
      if !continueToken.isEmpty {
        errors.append(.forbidden(match, "resourceVersionMatch is forbidden when continue is provided"))
      }
      if !["Exact", "NotOlderThan"].contains(resourceVersionMatch) {
        errors.append(.notSupported(match, resourceVersionMatch, ["Exact", "NotOlderThan", ""]))
      }
      if resourceVersionMatch == "Exact" && resourceVersion == "0" {
        errors.append(.forbidden(match, #"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#))
      }
    }
    if sendInitialEvents != nil {
      errors.append(.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    }
    if !errors.isEmpty { throw failure(errors) }
  }

  private func validateForWatch() throws(Status) {
    var errors: [FieldError] = []
    let match = "resourceVersionMatch"
    var (resourceVersionMatch, sendInitialEvents) = (resourceVersionMatch, sendInitialEvents)
    // Upstream asks for the initial events itself where a watch begins with what there is, and then finds that it has.
    // (`SetListOptionsDefaults`)
    if sendInitialEvents == nil && resourceVersionMatch.isEmpty && ["", "0"].contains(resourceVersion) {
      (resourceVersionMatch, sendInitialEvents) = ("NotOlderThan", true)
    }
    if sendInitialEvents != nil && resourceVersionMatch != "NotOlderThan" {
      errors.append(.forbidden(match, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    }
    if !resourceVersionMatch.isEmpty {
      if sendInitialEvents == nil {
        errors.append(
          .forbidden(match, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
      }
      if resourceVersionMatch != "NotOlderThan" {
        errors.append(.notSupported(match, resourceVersionMatch, ["NotOlderThan"]))
      }
      if !continueToken.isEmpty {
        errors.append(.forbidden(match, "resourceVersionMatch is forbidden when continue is provided"))
      }
    }
    if !errors.isEmpty { throw failure(errors) }
  }
}

/// Options of create, update and patch.
public struct WriteOptions: Sendable {
  public enum Verb: String, Sendable { case create = "CreateOptions", update = "UpdateOptions", patch = "PatchOptions" }
  public var verb: Verb
  public var dryRun: [String] = []
  public var fieldManager = ""
  /// Names the manager where `fieldManager` does not.
  public var userAgent = ""
  public var fieldValidation = ""
  public var force: Bool?
  /// Who writes.
  public var user = UserInfo.unsecured
  /// Has a say once the object is known.
  public var admission: Admission?
  /// Asks whether the client may create, where an update or a patch comes to that; nil where nobody has to be asked.
  /// Throws 403. (`withAuthorization` in upstream's handlers.)
  public var authorizeCreate: (@Sendable () async throws(Status) -> Void)?
  public init(_ verb: Verb) { self.verb = verb }

  public var isDryRun: Bool { !dryRun.isEmpty }
  var validation: FieldValidation { FieldValidation(rawValue: fieldValidation) ?? .warn }

  /// Throws 422 as `ValidateCreateOptions` and its siblings.
  public func validate(isApply: Bool = false) throws(Status) {
    var errors: [FieldError] = []
    if verb == .patch {
      if isApply && fieldManager.isEmpty { errors.append(.required("fieldManager", "is required for apply patch")) }
      if !isApply && force != nil { errors.append(.forbidden("force", "may not be specified for non-apply patch")) }
    }
    errors += Self.managerErrors(fieldManager) + DeleteOptions.dryRunErrors(dryRun)
    if !["", "Ignore", "Strict", "Warn"].contains(fieldValidation) {
      errors.append(.notSupported("fieldValidation", fieldValidation, ["", "Ignore", "Strict", "Warn"]))
    }
    if !errors.isEmpty { throw .invalid(verb.rawValue, group: "meta.k8s.io", name: "", errors) }
  }

  private static func managerErrors(_ manager: String) -> [FieldError] {
    var errors: [FieldError] = []
    if manager.utf8.count > 128 { errors.append(.tooLong("fieldManager", "may not be more than 128 bytes")) }
    var place = 0
    for scalar in manager.unicodeScalars {
      if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
        let code = String(scalar.value, radix: 16, uppercase: true)
        errors.append(
          .invalid(
            "fieldManager", manager,
            "invalid character U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code) (at position \(place))"
          ))
      }
      place += String(scalar).utf8.count
    }
    return errors
  }
}

/// What to do with fields that the type does not have.
public enum FieldValidation: String, Sendable { case ignore = "Ignore", warn = "Warn", strict = "Strict" }

public struct DeleteOptions: Sendable {
  public var gracePeriodSeconds: Int64?
  public var uid: String?
  public var resourceVersion: String?
  public var orphanDependents: Bool?
  public var propagationPolicy: String?
  public var dryRun: [String] = []
  /// Has a say before anything is deleted.
  public var admission: Admission?
  /// Deletes what can't be read, unseen; without effect (nil) where the feature is off.
  public var ignoresReadError: Bool?
  public init() {}

  static let ignoreReadErrorField = "ignoreStoreReadErrorWithClusterBreakingPotential"
  public var isDryRun: Bool { !dryRun.isEmpty }

  public func validate() throws(Status) {
    var errors: [FieldError] = []
    if orphanDependents != nil, let propagationPolicy {
      errors.append(
        .invalid("propagationPolicy", propagationPolicy, "orphanDependents and deletionPropagation cannot be both set"))
    }
    if let propagationPolicy, !["Foreground", "Background", "Orphan"].contains(propagationPolicy) {
      errors.append(
        .notSupported("propagationPolicy", propagationPolicy, ["Foreground", "Background", "Orphan", "nil"]))
    }
    errors += Self.dryRunErrors(dryRun)
    if ignoresReadError == true {
      let others = [
        (isDryRun, "dryRun"), (propagationPolicy != nil, "propagationPolicy"),
        (orphanDependents != nil, "orphanDependents"),
        (gracePeriodSeconds != nil, "gracePeriodSeconds"), (uid != nil || resourceVersion != nil, "preconditions"),
      ]
      for (isSet, name) in others where isSet {
        errors.append(.invalid(Self.ignoreReadErrorField, bare: "true", "cannot be set together with .\(name)"))
      }
    }
    if !errors.isEmpty { throw .invalid("DeleteOptions", group: "meta.k8s.io", name: "", errors) }
  }

  /// deletecollection has no use for it.
  public func refuseReadErrors() throws(Status) {
    guard ignoresReadError == true else { return }
    let error = FieldError.invalid(
      Self.ignoreReadErrorField, bare: "true",
      "is not allowed with DELETECOLLECTION, try again after removing the option")
    throw .invalid("DeleteOptions", group: "meta.k8s.io", name: "", [error])
  }

  static func dryRunErrors(_ dryRun: [String]) -> [FieldError] {
    guard dryRun.contains(where: { $0 != "All" }) else { return [] }
    let shown = "[" + dryRun.map { GoText.quoted($0) }.joined(separator: ",") + "]"
    return [FieldError(.notSupported, "dryRun", value: shown, detail: #"supported values: "All""#)]
  }
}
