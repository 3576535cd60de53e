import Admission
import Storage

extension ServeOptions {
  /// Lines about flags that have no effect beside the others that are given. Throws a `StartFailure` for one that would
  /// protect: who gives it believes that something holds which does not.
  func notes(on given: GivenFlags, _ settings: Settings) throws -> [String] {
    let effects = FlagEffects(options: self, given: given, settings: settings)
    return try given.names.compactMap { name in
      guard let flag = KnownFlags.all[name], flag.deed != .taken, let missing = effects.missing(flag) else {
        return nil
      }
      if flag.protects && effects.isMeantToProtect(name) {
        throw StartFailure(
          "--\(name) would not hold: \(missing): \(missing == FlagEffects.noHTTPS ? "name --secure-port, such as 6443, or leave it out" : "leave it out")"
        )
      }
      return "--\(name) has no effect: \(missing)"
    }
  }
}

/// Which flags do something, by what else is given.
private struct FlagEffects {
  let options: ServeOptions
  let given: GivenFlags
  let settings: Settings

  static let noHTTPS = "HTTPS is off, and plain HTTP asks nobody who they are"

  /// What is missing for the flag to have an effect; nil where it has one.
  func missing(_ flag: KnownFlag) -> String? {
    // Who asks for none but these is served over plain HTTP too.
    if Self.admissionFlags.contains(flag.name), !(given.values[flag.name] ?? []).contains(NodeRestriction.name) {
      return nil
    }
    return flag.conditions.lazy.compactMap(missing).first
  }
  private static let admissionFlags: Set = ["enable-admission-plugins", "admission-control"]

  private func missing(_ condition: FlagCondition) -> String? {
    let type = settings.storage.type
    switch condition {
    case .https: return settings.secure == nil ? Self.noHTTPS : nil
    case .http: return settings.insecure == nil ? "plain HTTP is off" : nil
    case .etcd: return type == StorageBackend.typeSQLite ? "the storage is no etcd" : nil
    case .etcd3: return type == StorageBackend.typeETCD3 ? nil : "the storage is not etcd3"
    case .etcd2: return type == StorageBackend.typeETCD2 ? nil : "the storage is not etcd2"
    case .sqlite: return type == StorageBackend.typeSQLite ? nil : "the storage is not sqlite"
    case .history: return type == StorageBackend.typeETCD2 ? "etcd2 keeps no history" : nil
    case .folder:
      return type == StorageBackend.typeSQLite || settings.secure?.certificateFolder != nil && options.certDir.isEmpty
        ? nil : "nothing is kept there"
    case .cache: return options.watchCache ? nil : "--watch-cache is off"
    case .with(let name):
      guard given.asksFor(name), let other = KnownFlags.all[name] else {
        return "it belongs to --\(name), which is not given"
      }
      return missing(other)
    }
  }

  /// Does its value ask for more than what is so without it?
  func isMeantToProtect(_ name: String) -> Bool {
    let values = given.values[name] ?? []
    return switch name {
    case "anonymous-auth": values == ["false"]
    case "authorization-mode": values != ["AlwaysAllow"]
    case "enable-admission-plugins", "admission-control": values.contains(NodeRestriction.name)
    default: given.asksFor(name)
    }
  }
}
