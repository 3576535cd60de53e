import Machinery
import Storage

extension StorageError {
  /// The one place where storage failures become answers (upstream: `storeerr`). A new case must choose; there is no
  /// `default`.
  func status(_ resource: GroupResource, name: String, verb: String) -> Status {
    switch self {
    case .keyNotFound: .notFound(resource, name)
    case .keyExists: .alreadyExists(resource, name)
    case .compacted: .expired("The resourceVersion for the provided list is too old.")
    case .futureRevision(let requested, let current), .resourceVersionTooLarge(let requested, let current):
      .resourceVersionTooLarge(requested: "\(requested)", current: "\(current)")
    case .watchClosed(let why): .internalError("watch closed: \(why)")
    // Upstream sends a 500 without a reason for whatever etcd refused.
    case .tooLarge(let text), .refused(let text): .plain(500, text)
    // The same, with a hint: space comes back only when somebody makes some, so there is no use in asking soon.
    case .outOfSpace(let text):
      Status(code: 500, reason: "", message: text, details: Status.Details(retryAfterSeconds: 10))
    case .corruptObject(let key, let reason): .internalError("unable to decode \(key): \(reason)")
    case .untransformable(let key, let reason):
      .internalError(verb == "list" ? "unable to transform key \(GoText.quoted(key)): \(reason)" : reason)
    // Upstream gives up at the first.
    case .unreadableObjects(let all):
      all.first?.status(resource, name: name, verb: verb) ?? .internalError("unreadable objects")
    // 500 and not 503: clients go by the reason, and upstream's NewServerTimeout does so.
    case .unreachable: .serverTimeout(resource, operation: verb, retryAfterSeconds: 2)
    case .notReady(let seconds): .tooManyRequests("storage is (re)initializing", retryAfterSeconds: seconds)
    case .wrongAnswer(let text), .invalidConfiguration(let text): .internalError(text)
    case .shutDown:
      Status(
        code: 503, reason: "ServiceUnavailable", message: "the server is shutting down",
        details: Status.Details(retryAfterSeconds: 1))
    }
  }
}

/// Turns whatever a storage call threw into a Status.
func statusOf(_ error: any Error, _ resource: GroupResource, name: String, verb: String) -> Status {
  switch error {
  case let status as Status: status
  case let error as StorageError: error.status(resource, name: name, verb: verb)
  case is CancellationError: Status(code: 499, reason: "", message: "the client went away")
  default: .internalError("\(error)")
  }
}
