import ArgumentParser
import Machinery

/// The command line as kube-apiserver's flags are read (pflag): `--name=value` or `--name value`, `--name` for a truth,
/// `_` in a name for `-`, `-v4`. What the settings file says stands behind it.
///
/// This stands before swift-argument-parser, which knows the options that act: it would have to be told of some hundred
/// that do not, all of which it looks at, in a debug build, whenever the program starts.
struct CommandLineFlags {
  /// The sub-commands that take the flags of `serve` and nothing else.
  enum Verb: String { case serve, checkConfig = "check-config", kubeconfig }

  /// nil for another sub-command, for help, and for what is no sub-command at all.
  let verb: Verb?
  let given: GivenFlags
  /// For the parser: of `verb`'s options where there is one, else of the whole program.
  let arguments: [String]

  /// Throws `UsageFailure` or `StartFailure`.
  init(_ program: [String]) throws {
    let first = program.first ?? ""
    // `storage` has sub-commands of its own, and those have flags and arguments of their own.
    let isStorage = first == "storage" && program.count > 1
    let isForParser = ["--generate-completion-script", "--experimental-dump-help"].contains { first.hasPrefix($0) }
    guard isStorage || program.isEmpty || first.hasPrefix("-") && !isForParser || Verb(rawValue: first) != nil else {
      self.init(verb: nil, given: GivenFlags(), arguments: program)
      return
    }
    let lead = isStorage ? Array(program.prefix(2)) : first.hasPrefix("-") || program.isEmpty ? [] : [first]
    var reading = Reading(rest: program.dropFirst(lead.count), isOpen: isStorage)
    try reading.run()
    if reading.asksForHelp {
      // Of the whole program where no sub-command is named.
      let arguments = program.contains(where: Reading.isVersion) ? ["--version"] : lead + ["--help"]
      self.init(verb: nil, given: GivenFlags(), arguments: arguments)
      return
    }
    var given = reading.given
    if let file = given.values["config"]?.first {
      if file.isEmpty { throw StartFailure("--config is empty: name the settings file, or leave it out") }
      given.addMissing(from: try ConfigFile.flags(in: file))
    }
    try given.settle()
    self.init(
      verb: isStorage ? nil : Verb(rawValue: first) ?? .serve, given: given,
      arguments: (isStorage ? lead : []) + given.arguments + reading.others)
  }

  private init(verb: Verb?, given: GivenFlags, arguments: [String]) {
    self.verb = verb
    self.given = given
    self.arguments = arguments
  }

  /// What `serve` starts with and `check-config` tells of. Throws `UsageFailure` or `StartFailure`.
  func settings() throws -> Settings { try options().checkedForServing(given) }

  /// The options of `serve`, of the right types. Throws `UsageFailure`.
  func options() throws -> ServeOptions {
    do { return try ServeOptions.parse(arguments) } catch { throw UsageFailure(ServeOptions.message(for: error)) }
  }
}

/// One pass over the arguments.
private struct Reading {
  var rest: ArraySlice<String>
  /// May there be flags and arguments that are not known here?
  let isOpen: Bool
  private(set) var given = GivenFlags()
  /// Those, in their order.
  private(set) var others: [String] = []
  private(set) var asksForHelp = false

  init(rest: ArraySlice<String>, isOpen: Bool) {
    self.rest = rest
    self.isOpen = isOpen
  }

  static func isVersion(_ argument: String) -> Bool {
    ["--version", "--version=true", "--version=raw"].contains(argument)
  }

  mutating func run() throws {
    while let argument = rest.popFirst() {
      if argument == "--" {
        others += (isOpen ? ["--"] : []) + rest
        rest = []
      } else if argument.hasPrefix("--") {
        try long(argument)
      } else if argument.hasPrefix("-"), argument != "-" {
        try short(argument)
      } else {
        others.append(argument)
      }
    }
    if !isOpen, !asksForHelp, let extra = others.first {
      throw UsageFailure("serving takes flags only, no arguments such as \(GoText.quoted(extra))")
    }
  }

  private mutating func long(_ argument: String) throws {
    let halves = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let written = String(halves[0])
    if written.isEmpty || written.hasPrefix("-") { throw UsageFailure("bad flag syntax: \(argument)") }
    let name = written.replacingUnderscores
    if name == "help" || name == "help-hidden" || Self.isVersion(argument) {
      asksForHelp = true
      return
    }
    if argument == "--version=false" { return }
    guard let flag = KnownFlags.all[name] else {
      if isOpen { return others.append(argument) }
      throw UsageFailure("unknown flag: --\(written)")
    }
    try add(flag, halves.count > 1 ? String(halves[1]) : nil, needed: "flag needs an argument: --\(written)")
  }

  /// `-v`, the one short form beside `-h`.
  private mutating func short(_ argument: String) throws {
    let letters = argument.dropFirst()
    if letters == "h" {
      asksForHelp = true
      return
    }
    guard letters.hasPrefix("v"), let flag = KnownFlags.all["v"] else {
      if isOpen { return others.append(argument) }
      throw UsageFailure("unknown shorthand flag: '\(letters.prefix(1))' in -\(letters)")
    }
    let tail = letters.dropFirst()
    let value = tail.isEmpty ? nil : tail.count > 1 && tail.hasPrefix("=") ? String(tail.dropFirst()) : String(tail)
    try add(flag, value, needed: "flag needs an argument: 'v' in -v")
  }

  private mutating func add(_ flag: KnownFlag, _ value: String?, needed: String) throws {
    if let value { return try given.add(flag, value) }
    if flag.type == .bool {
      // pflag takes no truth that stands apart, and then complains of an argument. Here it counts, so that
      // `--anonymous-auth false` is no trap.
      if let next = rest.first, (try? GoNumbers.bool(next)) != nil, next.count > 1 {
        rest = rest.dropFirst()
        return try given.add(flag, next)
      }
      return try given.add(flag, "true")
    }
    guard let next = rest.popFirst() else { throw UsageFailure(needed) }
    try given.add(flag, next)
  }
}

extension String {
  /// A flag's name as it is known. (component-base `WordSepNormalizeFunc`.)
  var replacingUnderscores: String { String(map { $0 == "_" ? "-" : $0 }) }
}
