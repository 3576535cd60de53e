import Machinery

/// What the settings file and the command line say, once types are checked and names are made one.
struct GivenFlags: Sendable {
  /// By name, as the options read them: several of a list, and one empty one of a list that is given empty.
  private(set) var values: [String: [String]] = [:]
  /// The names, in the order in which they came.
  private(set) var names: [String] = []
  /// What the log should say at the start, a line each.
  private(set) var notes: [String] = []

  init() {}

  func has(_ name: String) -> Bool { values[name] != nil }

  /// Is it given, and does it say more than nothing, or than no?
  func asksFor(_ name: String) -> Bool { values[name].map { $0 != [""] && $0 != ["false"] } ?? false }

  mutating func note(_ text: String) { notes.append(text) }

  /// Takes a flag in. Lists grow; of anything else the last counts. Throws a `UsageFailure` for a value of another
  /// type.
  mutating func add(_ flag: KnownFlag, _ text: String) throws {
    let read: [String]
    do throws(FlagType.Refusal) { read = try flag.type.values(text) } catch {
      throw UsageFailure("invalid argument \(GoText.quoted(text)) for \(GoText.quoted(flag.shown)) flag: \(error.why)")
    }
    if flag.type == .duration, read[0].hasPrefix("-") { throw UsageFailure("--\(flag.name) can not be negative value") }
    add(flag, values: read)
  }

  /// The same with the values of a list as they are.
  mutating func add(_ flag: KnownFlag, values read: [String]) {
    if let before = values[flag.name] {
      if flag.type.isList {
        values[flag.name] = (before == [""] ? [] : before) + read
        return
      }
      if before != read { note("--\(flag.name) is given more than once: the last counts") }
      names.removeAll { $0 == flag.name }
    }
    names.append(flag.name)
    values[flag.name] = flag.type.isList && read.isEmpty ? [""] : read
  }

  /// Adds what a file says of flags that are not given here.
  mutating func addMissing(from file: GivenFlags) {
    let others = file.names.filter { !has($0) }
    names = others + names
    for name in others { values[name] = file.values[name] }
    notes = file.notes + notes
  }

  /// Refuses what would promise what is not built, and notes what nothing applies. Throws a `StartFailure`.
  mutating func settle() throws {
    for name in names {
      guard let flag = KnownFlags.all[name], let given = values[name] else { continue }
      if flag.isNeverEmpty && given == [""] {
        throw StartFailure("--\(name) is empty: give it a value, or leave it out")
      }
      switch flag.deed {
      case .acts:
        if flag.type == .featureGates {
          for gate in given.flatMap(FeatureGates.idle) {
            note("--feature-gates \(gate) is taken, but nothing here depends on it yet")
          }
        }
      case .taken: note("--\(name) is taken, but nothing here applies it yet")
      case .only(let value, let why):
        if given != [value] {
          throw StartFailure("--\(name)=\(given.joined(separator: ",")) is not served: \(why); leave it out")
        }
      case .refused(let why):
        // An empty value and `false` ask for nothing.
        if asksFor(name), given != ["0"] { throw StartFailure("--\(name) is not served: \(why); leave it out") }
      }
    }
  }

  /// The flags that are options, as the parser reads them.
  var arguments: [String] {
    names.flatMap { name -> [String] in
      guard let flag = KnownFlags.all[name], flag.deed == .acts, let given = values[name] else { return [] }
      // The one flag of the parser that takes no value.
      if name == "allow-insecure-network" { return given == ["true"] ? ["--\(name)"] : [] }
      // The parser takes nothing behind `=` for a value that is missing.
      return given.flatMap { $0.isEmpty ? ["--\(name)", ""] : ["--\(name)=\($0)"] }
    }
  }
}

extension [String] {
  /// The values of a list option: one that is given empty comes as a single empty value.
  var ofList: [String] { self == [""] ? [] : self }
}

/// A command line that can't be understood: one line that says why.
struct UsageFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
