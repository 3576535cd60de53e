import JSON
import Machinery

extension JSONValue {
  /// As complaints about a field show it. (`field.Error.ErrorBody`)
  var inComplaints: String {
    switch self {
    case .string(let text): GoText.quoted(text)
    case .double(let number): GoText.general("\(number)")
    default: sortedByName.encoded().text
    }
  }
}
