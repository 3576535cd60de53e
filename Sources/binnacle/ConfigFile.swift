import ByteBuffers
import JSON
import Schema

/// The config file: YAML whose keys are the names of flags. It is turned into flags that stand before those of the command line, so
/// that the same parser checks both and the command line wins.
enum ConfigFile {
  /// `arguments` with the flags of the file that `--config` names put right after the sub-command.
  static func expanding(_ arguments: [String]) throws -> [String] {
    let arguments = arguments.map { ServeOptions.booleans.contains(String($0.dropFirst(2))) && $0.hasPrefix("--") ? $0 + "=true" : $0 }
    guard let path = value(of: "--config", in: arguments) else { return arguments }
    let flags = try flags(in: path)
    let verbs = ["serve", "check-config", "kubeconfig"]
    // `storage` has sub-commands of its own.
    if arguments.first == "storage", arguments.count > 1 { return Array(arguments.prefix(2)) + flags + arguments.dropFirst(2) }
    if let first = arguments.first, verbs.contains(first) { return [first] + flags + arguments.dropFirst() }
    return ["serve"] + flags + arguments
  }

  private static func value(of flag: String, in arguments: [String]) -> String? {
    for (index, argument) in arguments.enumerated() {
      if argument == flag { return index + 1 < arguments.count ? arguments[index + 1] : nil }
      if argument.hasPrefix(flag + "=") { return String(argument.dropFirst(flag.count + 1)) }
    }
    return nil
  }

  private static func flags(in path: String) throws -> [String] {
    let settings: JSONValue
    do {
      settings = try JSONValue(yaml: ByteSlice(SharedBytes(try TextFile.contents(of: path, flag: "--config"))))
    } catch let failure as StartFailure {
      throw failure
    } catch {
      throw StartFailure("--config: \(path) is not YAML: \(error)")
    }
    if settings.isNull { return [] }
    guard let members = settings.object?.members else { throw StartFailure("--config: \(path) must hold settings, one `flag-name: value` a line") }
    return try members.flatMap { member -> [String] in
      let flag = "--\(member.name)"
      guard ServeOptions.flagNames.contains(member.name), member.name != "config" else {
        throw StartFailure("--config: \(path): unknown setting \"\(member.name)\"")
      }
      if ServeOptions.switches.contains(member.name) {
        guard let isOn = member.value.bool else { throw StartFailure("--config: \(path): \(member.name) must be true or false") }
        return isOn ? [flag] : []
      }
      // Whose values hold commas are given once a value.
      if ServeOptions.repeated.contains(member.name), case .array(let items) = member.value {
        return try items.map { item in
          guard let text = text(of: item) else { throw StartFailure("--config: \(path): \(member.name) must be a plain value or a list of them") }
          return "\(flag)=\(text)"
        }
      }
      guard let text = text(of: member.value) else { throw StartFailure("--config: \(path): \(member.name) must be a plain value or a list of them") }
      return ["\(flag)=\(text)"]
    }
  }

  private static func text(of value: JSONValue) -> String? {
    switch value {
    case .string(let text): text
    case .int(let number): String(number)
    case .bool(let truth): String(truth)
    case .array(let items):
      items.reduce(into: Optional("")) { joined, item in
        guard let text = text(of: item), let sofar = joined else { return joined = nil }
        joined = sofar.isEmpty ? text : "\(sofar),\(text)"
      }
    case .null, .double, .object, .unread: nil
    }
  }
}

extension ServeOptions {
  /// Names of all flags, as the config file may use them.
  static let flagNames: Set<String> = AccessOptions.flagNames.union(AuditOptions.flagNames).union([
    "config", "insecure-bind-address", "insecure-port", "allow-insecure-network", "bind-address", "secure-port", "cert-dir",
    "tls-cert-file", "tls-private-key-file", "tls-sni-cert-key", "tls-min-version", "tls-cipher-suites", "client-ca-file", "http2-max-streams-per-connection", "goaway-chance", "max-requests-inflight", "max-mutating-requests-inflight", "storage-backend", "storage-media-type", "etcd-servers", "etcd-prefix", "etcd-cafile",
    "etcd-certfile", "etcd-keyfile", "etcd-consistent-reads", "etcd-user", "etcd-password-file", "deserialization-cache-size", "etcd-quorum-read", "data-dir", "etcd-compaction-interval", "etcd-count-metric-poll-period",
    "etcd-healthcheck-timeout", "etcd-start-timeout", "encryption-provider-config", "encryption-provider-config-automatic-reload", "feature-gates", "watch-cache", "watch-cache-sizes", "cors-allowed-origins", "min-request-timeout", "request-timeout", "reactors",
    "max-connections", "max-connections-per-client", "memory-budget-mb", "encoding-cache-mb", "shutdown-delay-duration", "shutdown-timeout", "logging-format", "v",
  ])
  /// Flags whose value may be left out, as Go's flags allow: `--name` is `--name=true`.
  static let booleans: Set<String> = ["encryption-provider-config-automatic-reload", "audit-log-truncate-enabled", "audit-webhook-truncate-enabled"]
  /// Flags that take no value on the command line.
  static let switches: Set<String> = ["allow-insecure-network"]
  /// Flags that may be given more than once.
  static let repeated: Set<String> = ["tls-sni-cert-key", "oidc-required-claim"]
}
