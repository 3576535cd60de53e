import ByteBuffers
import JSON
import Schema

#if canImport(Glibc)
  import Glibc
#endif

/// The config file: YAML whose keys are the names of flags. It is turned into flags that stand before those of the command line, so
/// that the same parser checks both and the command line wins.
enum ConfigFile {
  /// `arguments` with the flags of the file that `--config` names put right after the sub-command.
  static func expanding(_ arguments: [String]) throws -> [String] {
    guard let path = value(of: "--config", in: arguments) else { return arguments }
    let flags = try flags(in: path)
    let verbs = ["serve", "check-config"]
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
      settings = try JSONValue(yaml: ByteSlice(SharedBytes(try contents(of: path))))
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

  /// Reads the file, at most 1 MiB of it.
  private static func contents(of path: String) throws -> [UInt8] {
    guard let file = fopen(path, "r") else { throw StartFailure("--config: can't read \(path): \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 else { throw StartFailure("--config: can't read \(path): \(String(cString: strerror(errno)))") }
    guard count < bytes.count else { throw StartFailure("--config: \(path) is larger than 1 MiB") }
    return Array(bytes.prefix(count))
  }
}

extension ServeOptions {
  /// Names of all flags, as the config file may use them.
  static let flagNames: Set<String> = [
    "config", "insecure-bind-address", "insecure-port", "allow-insecure-network", "storage-backend", "etcd-servers", "etcd-prefix", "etcd-cafile",
    "etcd-certfile", "etcd-keyfile", "etcd-quorum-read", "data-dir", "etcd-compaction-interval", "etcd-count-metric-poll-period",
    "etcd-healthcheck-timeout", "etcd-start-timeout", "watch-cache", "watch-cache-sizes", "min-request-timeout", "request-timeout", "reactors",
    "max-connections", "shutdown-delay-duration", "shutdown-timeout", "logging-format", "v",
  ]
  /// Flags that take no value on the command line.
  static let switches: Set<String> = ["allow-insecure-network"]
}
