import JSON

/// What `/version` says. (`version.Info`, whose names clients know; the Go members carry what this server is built
/// with.)
public struct ServerVersion: Sendable {
  public var major = "1"
  public var minor = "36"
  public var gitVersion = "v1.36.2+binnacle"
  public var gitCommit = ""
  public var gitTreeState = "clean"
  public var buildDate = ""
  public var goVersion = "none"
  public var compiler = "swiftc"
  public var platform: String

  public init() {
    #if arch(arm64)
    platform = "linux/arm64"
    #else
    platform = "linux/amd64"
    #endif
  }

  var json: JSONValue {
    [
      "major": .string(major), "minor": .string(minor), "emulationMajor": .string(major),
      "emulationMinor": .string(minor),
      "minCompatibilityMajor": .string(major), "minCompatibilityMinor": .string(String((Int(minor) ?? 1) - 1)),
      "gitVersion": .string(gitVersion), "gitCommit": .string(gitCommit), "gitTreeState": .string(gitTreeState),
      "buildDate": .string(buildDate), "goVersion": .string(goVersion), "compiler": .string(compiler),
      "platform": .string(platform),
    ]
  }
}
