import JSON
import Machinery
import Registry

/// Rules for where a webhook is. (Kubernetes: apiserver/pkg/util/webhook, `ValidateWebhookURL` and
/// `ValidateWebhookService`)
enum WebhookAddress {
  /// Stands at a client's configuration: there is either a URL or a service.
  static let check: Rule.Function = { context in
    let url = context.value?["url"].flatMap { $0.isNull ? nil : $0 }
    let service = context.value?["service"].flatMap { $0.isNull ? nil : $0 }
    switch (url, service) {
    case (let url?, nil): context.look(at: url, "url", WebhookAddress.url)
    case (nil, let service?): context.look(at: service, "service", WebhookAddress.service)
    default: context.report(.required(context.path(), "exactly one of url or service is required"))
    }
  }

  private static let form = "; desired format: https://host[/path]"

  /// Stands at a URL.
  private static let url: Rule.Function = { context in
    let url: GoURL
    do { url = try GoURL(parsing: context.value?.string ?? "") } catch {
      return context.report(.required(context.path(), "url must be a valid URL: \(error)\(form)"))
    }
    if url.scheme != "https" { context.invalid(url.scheme, "'https' is the only allowed URL scheme\(form)") }
    if url.host.isEmpty { context.invalid("", "host must be specified\(form)") }
    if let user = url.user { context.invalid(user, "user information is not permitted in the URL") }
    if !url.fragment.isEmpty { context.invalid(url.fragment, "fragments are not permitted in the URL") }
    if !url.query.isEmpty { context.invalid(url.query, "query parameters are not permitted in the URL") }
  }

  /// Stands at a reference to a service. Upstream takes its name and namespace one for the other.
  private static let service: Rule.Function = { context in
    if (context.value?["namespace"]?.string ?? "").isEmpty { context.report(.required(context.path("name"), "")) }
    if (context.value?["name"]?.string ?? "").isEmpty { context.report(.required(context.path("namespace"), "")) }
    let port = context.value?["port"]?.int ?? 0
    if !(1...65_535).contains(port) {
      let detail = "port is not valid: must be between 1 and 65535, inclusive"
      context.report(.invalid(context.path("port"), bare: String(port), detail))
    }
    if let path = context.value?["path"], !path.isNull { context.look(at: path, "path", WebhookAddress.path) }
  }

  private static let path: Rule.Function = { context in
    let path = context.value?.string ?? ""
    if path.isEmpty || path == "/" { return }
    if path == "//" { return context.invalid(path, "segment[0] may not be empty") }
    if !path.hasPrefix("/") { context.invalid(path, "must start with a '/'") }
    var bytes = path.utf8.dropFirst()
    if bytes.last == UInt8(ascii: "/") { bytes = bytes.dropLast() }
    let segments = bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for (place, segment) in segments.enumerated() {
      if segment.isEmpty {
        context.invalid(path, "segment[\(place)] may not be empty")
        continue
      }
      for problem in NameValidation.dns1123Subdomain(String(decoding: segment, as: UTF8.self)) {
        context.invalid(path, "segment[\(place)]: \(problem)")
      }
    }
  }
}
