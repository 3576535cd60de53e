import Machinery
import RegularExpressions

/// The arguments of a call, the receiver first, as an implementation asks for them.
struct LibraryArguments<Value: LibraryValue> {
  let values: [Value]
  /// Of a pattern that is written down in the expression: it is compiled with it.
  private let compiled: GoRegexp?

  init(_ values: [Value], compiled: GoRegexp? = nil) {
    self.values = values
    self.compiled = compiled
  }

  /// An overload is called with as many as it is declared with.
  subscript(_ place: Int) -> Value { values.indices.contains(place) ? values[place] : .null }

  func text(_ place: Int) throws(LibraryFault) -> String {
    guard case .string(let text) = self[place].view else { throw .noSuchOverload }
    return text
  }

  func int(_ place: Int) throws(LibraryFault) -> Int64 {
    guard case .int(let number) = self[place].view else { throw .noSuchOverload }
    return number
  }

  func bool(_ place: Int) throws(LibraryFault) -> Bool {
    guard case .bool(let truth) = self[place].view else { throw .noSuchOverload }
    return truth
  }

  func list(_ place: Int) throws(LibraryFault) -> [Value] {
    guard let elements = self[place].elements else { throw .noSuchOverload }
    return elements
  }

  func optional(_ place: Int) throws(LibraryFault) -> Value? {
    guard case .optional(let inner) = self[place].view else { throw .noSuchOverload }
    return inner
  }

  func regex(_ place: Int) throws(LibraryFault) -> GoRegexp {
    if let compiled { return compiled }
    let pattern = try text(place)
    do throws(GoRegexp.Malformed) { return try GoRegexp(pattern) } catch { throw .text("Illegal regex: \(error)") }
  }

  func object(_ place: Int) throws(LibraryFault) -> LibraryObject {
    guard case .object(let object) = self[place].view else { throw .noSuchOverload }
    return object
  }

  func address(_ place: Int) throws(LibraryFault) -> IPAddress {
    guard case .address(let address) = try object(place) else { throw .noSuchOverload }
    return address
  }

  func network(_ place: Int) throws(LibraryFault) -> IPNetwork {
    guard case .network(let network) = try object(place) else { throw .noSuchOverload }
    return network
  }

  func quantity(_ place: Int) throws(LibraryFault) -> Quantity {
    guard case .quantity(let quantity) = try object(place) else { throw .noSuchOverload }
    return quantity
  }

  func version(_ place: Int) throws(LibraryFault) -> SemanticVersion {
    guard case .version(let version) = try object(place) else { throw .noSuchOverload }
    return version
  }
}
