import ByteBuffers
import Machinery

/// Which of the built-in resources are served, as an operator wants it. (Kubernetes: `--runtime-config`,
/// `MergeAPIResourceConfigs`.)
public struct RuntimeConfig: Sendable {
  /// What is wrong with it, in kube-apiserver's words.
  public struct Malformed: Error, CustomStringConvertible { public let description: String }

  /// Whether whole classes of versions are served; in the order in which they decide, later ones over earlier ones.
  private var classes: [(VersionClass, Bool)] = []
  private var versions: [GroupVersion: Bool] = [:]
  private var resources: [Name: Bool] = [:]
  /// What the values ask for and nothing here has.
  public private(set) var unserved: [String] = []

  private struct Name: Hashable {
    let groupVersion: GroupVersion
    let plural: ByteString
  }

  private enum VersionClass: String, CaseIterable {
    case all = "api/all"
    case stable = "api/ga"
    case beta = "api/beta"
    case alpha = "api/alpha"

    func contains(_ version: String) -> Bool {
      switch self {
      case .all: true
      case .stable: !version.contains("alpha") && !version.contains("beta")
      case .beta: version.contains("beta")
      case .alpha: version.contains("alpha")
      }
    }
  }

  /// Everything is served.
  public init() {}

  /// `pairs`: `apps/v1=false`, `api/all=true`, `batch/v1/cronjobs=false`; `v1` for the core group. `served`: all that
  /// could be.
  public init(_ pairs: [String], served: [ResourceInfo]) throws(Malformed) {
    var values: [(key: String, value: String)] = []
    for pair in pairs where !pair.isEmpty {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let key = halves[0].trimmingBlanks
      values.removeAll { $0.key == key }
      values.append((key, halves.count > 1 ? halves[1].trimmingBlanks : ""))
    }
    if values.count == 1, values[0] == (VersionClass.all.rawValue, "false") {
      throw Malformed(description: "invalid runtime-config with only api/all=false")
    }
    for name in VersionClass.allCases {
      guard let value = values.first(where: { $0.key == name.rawValue })?.value else { continue }
      guard ["true", "false"].contains(value) else {
        throw Malformed(description: "invalid value \(name.rawValue)=\(value)")
      }
      classes.append((name, value == "true"))
    }
    for (key, value) in values where VersionClass(rawValue: key) == nil {
      try take(key, value, served)
    }
  }

  private mutating func take(_ key: String, _ value: String, _ served: [ResourceInfo]) throws(Malformed) {
    var words = key.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if words.count == 1 || key.hasPrefix("v1/") { words.insert("", at: 0) }
    guard (2...3).contains(words.count), !words[1].isEmpty else {
      throw Malformed(description: "runtime-config invalid key \(key)")
    }
    let version = GroupVersion(group: words[0], version: words[1])
    let known = RegisteredKinds.groupVersions + served.map(\.groupVersion)
    guard known.contains(where: { $0.group == version.group }) else {
      throw Malformed(description: "unknown api groups \(version)")
    }
    guard known.contains(version) else {
      throw Malformed(description: "group version \(version) that has not been registered")
    }
    guard let isEnabled = Self.bool(value) else {
      let syntax = "strconv.ParseBool: parsing \(GoText.quoted(value)): invalid syntax"
      throw Malformed(description: "invalid value of \(key): \(value), err: \(syntax)")
    }
    let resource = words.count > 2 ? words[2] : nil
    if let resource, resource.lowercased() != resource {
      let form = "group/version/resource and resource is always lowercase plural, not \(GoText.quoted(resource))"
      throw Malformed(description: "invalid key \(key): \(form)")
    }
    if isEnabled, !served.contains(where: { $0.groupVersion == version && (resource ?? $0.plural) == $0.plural }) {
      unserved.append(key)
    }
    if let resource {
      resources[Name(groupVersion: version, plural: ByteString(resource))] = isEnabled
    } else {
      versions[version] = isEnabled
    }
  }

  /// (`strconv.ParseBool`) A key alone is true.
  private static func bool(_ text: String) -> Bool? {
    switch text {
    case "", "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }

  /// Is a resource served?
  public func serves(_ info: ResourceInfo) -> Bool {
    let version = info.groupVersion
    if let said = resources[Name(groupVersion: version, plural: ByteString(info.plural))] { return said }
    if let said = versions[version] { return said }
    return classes.last { $0.0.contains(version.version) }?.1 ?? true
  }
}
