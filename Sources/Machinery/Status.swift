public import JSON

/// The answer to whatever is not an object: Kubernetes' `metav1.Status`. Thrown as the error of every API operation.
public struct Status: Error, Sendable, Equatable {
  public struct Cause: Sendable, Equatable {
    public var reason: String
    public var message: String
    public var field: String
    public init(reason: String, message: String, field: String) {
      self.reason = reason
      self.message = message
      self.field = field
    }
  }

  /// What the answer is about.
  public struct Details: Sendable, Equatable {
    public var name: String
    public var group: String
    public var kind: String
    public var uid: String
    public var causes: [Cause]
    public var retryAfterSeconds: Int
    public init(
      name: String = "", group: String = "", kind: String = "", uid: String = "", causes: [Cause] = [],
      retryAfterSeconds: Int = 0
    ) {
      self.name = name
      self.group = group
      self.kind = kind
      self.uid = uid
      self.causes = causes
      self.retryAfterSeconds = retryAfterSeconds
    }
  }

  public var isSuccess: Bool
  public var message: String
  /// `NotFound`, `Conflict`, …; empty where kube-apiserver gives none.
  public var reason: String
  public var details: Details?
  /// The HTTP status; 0 in a success that shows no code.
  public var code: Int
  /// Only for expired continue tokens: the token to go on with (semantics 1.20).
  public var continueToken: String
  /// What the client is warned of beside it.
  public private(set) var warnings: [String] = []

  public init(
    code: Int, reason: String, message: String, details: Details? = nil, isSuccess: Bool = false,
    continueToken: String = ""
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.details = details
    self.isSuccess = isSuccess
    self.continueToken = continueToken
  }

  /// The same, with warnings that were due before it.
  public func after(_ earlier: [String]) -> Status {
    var status = self
    status.warnings = earlier + warnings
    return status
  }

  /// The HTTP status to send.
  public var httpCode: Int { code == 0 ? 200 : code }

  /// The object, members in kube-apiserver's order.
  public var json: JSONValue {
    var object: JSONObject = [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": isSuccess ? "Success" : "Failure",
    ]
    if !continueToken.isEmpty { object["metadata"] = ["continue": .string(continueToken)] }
    if !message.isEmpty { object["message"] = .string(message) }
    if !reason.isEmpty { object["reason"] = .string(reason) }
    if let details {
      var inner = JSONObject()
      if !details.name.isEmpty { inner["name"] = .string(details.name) }
      if !details.group.isEmpty { inner["group"] = .string(details.group) }
      if !details.kind.isEmpty { inner["kind"] = .string(details.kind) }
      if !details.uid.isEmpty { inner["uid"] = .string(details.uid) }
      if !details.causes.isEmpty {
        inner["causes"] = .array(
          details.causes.map { cause in
            var c = JSONObject()
            if !cause.reason.isEmpty { c["reason"] = .string(cause.reason) }
            if !cause.message.isEmpty { c["message"] = .string(cause.message) }
            if !cause.field.isEmpty { c["field"] = .string(cause.field) }
            return .object(c)
          })
      }
      if details.retryAfterSeconds != 0 { inner["retryAfterSeconds"] = .int(Int64(details.retryAfterSeconds)) }
      object["details"] = .object(inner)
    }
    if code != 0 { object["code"] = .int(Int64(code)) }
    return .object(object)
  }
}

/// The errors of apimachinery's package `errors`, with its texts.
extension Status {
  public static func notFound(_ resource: GroupResource, _ name: String) -> Status {
    Status(
      code: 404, reason: "NotFound", message: "\(resource) \(GoText.quoted(name)) not found",
      details: Details(name: name, group: resource.group, kind: resource.resource))
  }

  public static func alreadyExists(_ resource: GroupResource, _ name: String, isBeingDeleted: Bool = false) -> Status {
    Status(
      code: 409, reason: "AlreadyExists",
      message: (isBeingDeleted ? "object is being deleted: " : "")
        + "\(resource) \(GoText.quoted(name)) already exists",
      details: Details(name: name, group: resource.group, kind: resource.resource))
  }

  public static func generateNameConflict(_ resource: GroupResource, _ name: String) -> Status {
    Status(
      code: 409, reason: "AlreadyExists",
      message:
        "\(resource) \(GoText.quoted(name)) already exists, the server was not able to generate a unique name for the object",
      details: Details(name: name, group: resource.group, kind: resource.resource, retryAfterSeconds: 1))
  }

  public static func conflict(_ resource: GroupResource, _ name: String, _ why: String) -> Status {
    Status(
      code: 409, reason: "Conflict",
      message: "Operation cannot be fulfilled on \(resource) \(GoText.quoted(name)): \(why)",
      details: Details(name: name, group: resource.group, kind: resource.resource))
  }

  public static func invalid(_ kind: String, group: String = "", name: String, _ errors: [FieldError]) -> Status {
    let subject = group.isEmpty ? kind : "\(kind).\(group)"
    let (told, messages) = FieldError.told(errors)
    let text = errors.isEmpty ? "" : ": " + FieldError.aggregate(messages)
    return Status(
      code: 422, reason: "Invalid", message: "\(subject) \(GoText.quoted(name)) is invalid\(text)",
      details: Details(
        name: name, group: group, kind: kind,
        causes: told.map { Cause(reason: $0.kind.rawValue, message: $0.body, field: $0.field) }))
  }

  public static func unauthorized(_ why: String = "") -> Status {
    Status(code: 401, reason: "Unauthorized", message: why.isEmpty ? "not authorized" : why)
  }

  /// `resource` nil where the request names none.
  public static func forbidden(_ resource: GroupResource?, name: String = "", _ why: String) -> Status {
    let subject = resource.map { name.isEmpty ? "\($0) is " : "\($0) \(GoText.quoted(name)) is " } ?? ""
    return Status(
      code: 403, reason: "Forbidden", message: "\(subject)forbidden: \(why)",
      details: Details(name: name, group: resource?.group ?? "", kind: resource?.resource ?? ""))
  }

  /// Fields that other managers own.
  public static func applyConflict(_ causes: [Cause], _ message: String) -> Status {
    Status(code: 409, reason: "Conflict", message: message, details: Details(causes: causes))
  }

  /// An action that a resource does not have.
  public static func methodNotSupported(_ resource: GroupResource, action: String) -> Status {
    Status(
      code: 405, reason: "MethodNotAllowed",
      message: "\(action) is not supported on resources of kind \(GoText.quoted(resource.description))",
      details: Details(group: resource.group, kind: resource.resource))
  }

  public static func serviceUnavailable(_ message: String) -> Status {
    Status(code: 503, reason: "ServiceUnavailable", message: message)
  }

  public static func gone(_ message: String) -> Status { Status(code: 410, reason: "Gone", message: message) }

  public static func badRequest(_ message: String) -> Status {
    Status(code: 400, reason: "BadRequest", message: message)
  }

  /// The router's 404 for a resource path.
  public static let unknownResource = Status(
    code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: Details())

  /// The router's 405.
  public static let methodNotAllowed = Status(
    code: 405, reason: "MethodNotAllowed", message: "the server does not allow this method on the requested resource",
    details: Details())

  public static func expired(_ message: String) -> Status { Status(code: 410, reason: "Expired", message: message) }

  /// An error without a reason, as kube-apiserver sends for what it did not foresee.
  public static func plain(_ code: Int, _ message: String) -> Status {
    Status(code: code, reason: "", message: message)
  }

  public static func internalError(_ message: String) -> Status {
    Status(
      code: 500, reason: "InternalError", message: "Internal error occurred: \(message)",
      details: Details(causes: [Cause(reason: "", message: message, field: "")]))
  }

  public static func timeout(_ message: String, retryAfterSeconds: Int = 0) -> Status {
    Status(
      code: 504, reason: "Timeout", message: "Timeout: \(message)",
      details: Details(retryAfterSeconds: retryAfterSeconds))
  }

  /// The cache did not get to the revision in time (ResourceVersionTooLarge).
  public static func resourceVersionTooLarge(requested: String, current: String) -> Status {
    Status(
      code: 504, reason: "Timeout", message: "Timeout: Too large resource version: \(requested), current: \(current)",
      details: Details(
        causes: [Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "")],
        retryAfterSeconds: 1))
  }

  public static func serverTimeout(_ resource: GroupResource, operation: String, retryAfterSeconds: Int) -> Status {
    Status(
      code: 500, reason: "ServerTimeout",
      message: "The \(operation) operation against \(resource) could not be completed at this time, please try again.",
      details: Details(
        name: operation, group: resource.group, kind: resource.resource, retryAfterSeconds: retryAfterSeconds))
  }

  public static func tooManyRequests(_ message: String, retryAfterSeconds: Int) -> Status {
    Status(
      code: 429, reason: "TooManyRequests", message: message, details: Details(retryAfterSeconds: retryAfterSeconds))
  }

  public static func unsupportedMediaType(accepted: [String]) -> Status {
    Status(
      code: 415, reason: "UnsupportedMediaType",
      message:
        "the body of the request was in an unknown format - accepted media types include: \(accepted.joined(separator: ", "))"
    )
  }

  public static func notAcceptable(_ message: String, details: Details? = nil) -> Status {
    Status(code: 406, reason: "NotAcceptable", message: message, details: details)
  }

  public static func requestEntityTooLarge(_ message: String) -> Status {
    Status(code: 413, reason: "RequestEntityTooLarge", message: message)
  }
}
