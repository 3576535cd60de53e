import ByteBuffers
import JSON
import Machinery
import Schema

/// The settings file: YAML whose keys are the names of flags. What it says is read, checked, taken and refused as on
/// the command line, which wins; a list may be a YAML list, whose items are taken as they are.
enum ConfigFile {
  /// Throws a `StartFailure`, or a `UsageFailure` for a value of another type.
  static func flags(in path: String) throws -> GivenFlags {
    let settings: JSONValue
    let duplicates: [String]
    do {
      (settings, duplicates) = try TextFile.tree(yaml: try TextFile.contents(of: path, flag: "--config"))
    } catch let failure as StartFailure {
      throw failure
    } catch {
      throw StartFailure("--config: \(path) is not YAML: \(error)")
    }
    if settings.isNull { return GivenFlags() }
    if let duplicate = duplicates.first { throw StartFailure("--config: \(path): \(duplicate): leave one of them out") }
    guard let members = settings.object?.members else {
      throw StartFailure("--config: \(path) must hold settings, one `flag-name: value` a line")
    }
    var given = GivenFlags()
    for member in members {
      let name = member.name.replacingUnderscores
      guard let flag = KnownFlags.all[name], name != "config" else {
        throw StartFailure("--config: \(path): unknown setting \(GoText.quoted(member.name))")
      }
      if given.has(name) { throw StartFailure("--config: \(path): \(name) is set twice") }
      do { try add(member.value, of: flag, to: &given) } catch let failure as UsageFailure {
        throw UsageFailure("--config: \(path): \(failure)")
      } catch is NotPlain {
        throw StartFailure(
          "--config: \(path): \(name) must be a plain value\(flag.type.isList ? " or a list of them" : "")")
      }
    }
    return given
  }

  private struct NotPlain: Error {}

  private static func add(_ value: JSONValue, of flag: KnownFlag, to given: inout GivenFlags) throws {
    guard case .array(let items) = value, flag.type.isList else { return try given.add(flag, try text(of: value)) }
    if flag.type == .strings { return given.add(flag, values: try items.map(text)) }
    for item in items { try given.add(flag, try text(of: item)) }
    if items.isEmpty { given.add(flag, values: []) }
  }

  private static func text(of value: JSONValue) throws -> String {
    switch value {
    case .string(let text): text
    case .int(let number): String(number)
    case .double(let number): String(number)
    case .bool(let truth): String(truth)
    case .null, .array, .number, .object, .unread: throw NotPlain()
    }
  }
}
