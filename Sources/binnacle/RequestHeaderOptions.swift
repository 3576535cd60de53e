import Access
import ArgumentParser

/// Flags of a proxy in front that says who a request is by, under kube-apiserver's names.
struct RequestHeaderOptions: ParsableArguments {
  @Option(
    name: .customLong("requestheader-client-ca-file"),
    help: "Authorities whose certificates make a client a proxy that says by headers who a request is by, PEM.")
  var requestheaderClientCAFile = ""

  @Option(
    name: .customLong("requestheader-allowed-names"),
    help: "Comma-separated common names of such certificates; empty for all that the authorities have signed.")
  var allowedNames: [String] = []

  @Option(
    name: .customLong("requestheader-username-headers"),
    help: "Comma-separated headers that may hold the user's name, the first that does counts. X-Remote-User is usual.")
  var usernameHeaders: [String] = []

  @Option(
    name: .customLong("requestheader-uid-headers"),
    help: "Comma-separated headers that may hold the user's UID. X-Remote-Uid is usual.")
  var uidHeaders: [String] = []

  @Option(
    name: .customLong("requestheader-group-headers"),
    help: "Comma-separated headers that hold the user's groups. X-Remote-Group is usual.")
  var groupHeaders: [String] = []

  @Option(
    name: .customLong("requestheader-extra-headers-prefix"),
    help: "Comma-separated beginnings of headers that hold what else is known of the user. X-Remote-Extra- is usual.")
  var extraHeadersPrefix: [String] = []

  /// Which headers say what; nil where no proxy is believed. Throws `StartFailure` with the flag to change.
  func names() throws -> RequestHeaderAuthenticator.Names? {
    let lists = [
      ("allowed-names", allowedNames), ("username-headers", usernameHeaders), ("uid-headers", uidHeaders),
      ("group-headers", groupHeaders),
      ("extra-headers-prefix", extraHeadersPrefix),
    ]
    let values = try lists.map { name, given -> [String] in
      let parts = given == [""] ? [] : given
      // An empty beginning would take every header for an extra.
      if parts.contains(where: { $0.allSatisfy { $0 == " " } }) {
        throw StartFailure("--requestheader-\(name): an entry is empty")
      }
      return parts
    }
    guard !requestheaderClientCAFile.isEmpty else {
      if let (name, _) = lists.first(where: { !$0.1.isEmpty }) {
        throw StartFailure(
          "--requestheader-\(name) is of no use without --requestheader-client-ca-file: nobody would be believed")
      }
      return nil
    }
    if values[1].isEmpty {
      throw StartFailure("--requestheader-client-ca-file needs --requestheader-username-headers, such as X-Remote-User")
    }
    return RequestHeaderAuthenticator.Names(
      user: values[1], uid: values[2], group: values[3], extraPrefixes: values[4], allowed: values[0])
  }
}
