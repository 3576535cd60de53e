/// What the program was called with.
enum ProgramArguments {
  /// Without the program's own name. Throws `StartFailure`.
  ///
  /// Swift's runtime looks for them beside the environment, and finds none where a library that is loaded ahead of it
  /// (`LD_PRELOAD`: libfaketime, some profilers) has moved that. A daemon that then started as if it had been given no
  /// flags would listen and store elsewhere.
  static func all() throws -> [String] {
    let known = CommandLine.arguments
    if !known.isEmpty { return Array(known.dropFirst()) }
    let path = "/proc/self/cmdline"
    guard let bytes = try? TextFile.contents(of: path, flag: path) else {
      throw StartFailure(
        "can't tell the arguments that it was started with: a library in LD_PRELOAD hides them from Swift, and \(path) can't be read"
      )
    }
    // Each ends in a zero byte, empty ones too.
    return bytes.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map {
      String(decoding: $0, as: UTF8.self)
    }
  }
}
